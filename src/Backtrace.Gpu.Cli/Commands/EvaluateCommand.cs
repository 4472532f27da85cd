using System.CommandLine;
using Backtrace.Gpu.Cli.Evaluating;
using Backtrace.Gpu.Evaluation.Experiments;
using Spectre.Console;

namespace Backtrace.Gpu.Cli.Commands;

/// <summary>`backtrace evaluate`: explanation methods measured on the same model, data and machine.</summary>
internal static class EvaluateCommand
{
    private const string Description = "Compare explanation methods: metrics with intervals, time and memory, as tables and a page. A run that was interrupted continues where it stopped.";

    internal static Command Create()
    {
        Argument<string> experiment = new("experiment") { Description = "tabular, image or text." };
        Option<string[]> model = new("--model", "-m") { Description = "Names or folders of models. [default: the experiment's own]", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
        Option<string?> data = new("--data") { Description = "Other inputs: a CSV file; pictures, their folder, or a CIFAR-10 file (.bin); texts with classes (TSV), for language models a text on each line. [default: rows, pictures or texts of this repository that training did not see]" };
        Option<int?> samples = new("--samples", "-n") { Description = "Number of inputs. [default: 200 rows, 20 pictures, 100 texts]" };
        Option<int> seed = new("--seed") { Description = "Seed of the choice of inputs, of random methods and metrics.", DefaultValueFactory = _ => 1 };
        Option<string[]> methods = new("--methods") { Description = "Methods, as in backtrace,integrated-gradients; the random one always takes part. [default: most; a wrong one lists all]", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
        Option<string[]> metrics = new("--metrics") { Description = "Metrics, as in deletion,max-sensitivity. [default: the experiment's own; a wrong one lists all]", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
        Option<string> absent = new("--absent") { Description = "Pictures: what stands in for pixels that are taken away: blur, mean.", DefaultValueFactory = _ => "blur" };
        Option<string?> output = new("--out", "-o") { Description = "Folder for the results. [default: evaluation/<experiment>]" };
        Option<bool> quick = new("--quick") { Description = "A first look in two minutes: 12 rows, 2 pictures or 4 texts, small budgets." };
        Option<bool> json = new("--json") { Description = "Print one JSON document instead of text." };
        foreach (Option<string[]> several in new[] { model, methods, metrics })
            several.RefuseOptions();
        data.RefuseEmpty();
        experiment.AcceptOnlyFromAmong([.. Trial.All.Select(trial => trial.Name)]);
        absent.AcceptOnlyFromAmong("blur", "mean");
        samples.MustBeBetween(1, 1_000_000);
        seed.MustBeBetween(int.MinValue, int.MaxValue);
        Command command = new("evaluate", Description) { experiment, model, data, samples, seed, methods, metrics, absent, output, quick, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            Trial trial = Trial.All.First(trial => trial.Name == parsed.GetRequiredValue(experiment));
            EvaluateRequest request = new(parsed.GetValue(output) ?? Path.Combine("evaluation", trial.Name))
            {
                Models = NameList.Of(parsed.GetRequiredValue(model)),
                Data = parsed.GetValue(data),
                Samples = parsed.GetValue(samples),
                Seed = parsed.GetValue(seed),
                Methods = NameList.Of(parsed.GetRequiredValue(methods)),
                Metrics = NameList.Of(parsed.GetRequiredValue(metrics)),
                Absent = parsed.GetValue(absent) == "mean" ? AbsentPixels.Mean : AbsentPixels.Blur,
                IsQuick = parsed.GetValue(quick),
            };
            if (trial.Modality != Modality.Picture && parsed.GetResult(absent) is { Implicit: false })
                throw new UsageException($"--absent is for pictures; evaluate {trial.Name} has a stand-in of its own.");
            bool wantsJson = parsed.GetValue(json);
            IReadOnlyList<ModelReport> reports;
            try
            {
                reports = await Run(trial, request, wantsJson, cancellation);
            }
            catch (OperationCanceledException)
            {
                if (Directory.Exists(request.Output) && Directory.EnumerateFiles(request.Output, Experiment.FileName, SearchOption.AllDirectories).Any())
                    await parsed.InvocationConfiguration.Error.WriteLineAsync($"What is measured is kept in {request.Output}: the same command continues.");
                throw;
            }

            TextWriter console = parsed.InvocationConfiguration.Output;
            if (wantsJson)
            {
                await console.WriteLineAsync(EvaluateText.Json(trial, request, reports));
                return ExitCodes.Ok;
            }

            await console.WriteAsync(EvaluateText.Markdown(trial, request, reports));
            await console.WriteLineAsync($"\nwritten to {request.Output}: index.html, results.md, and results.csv and results.parquet for each model");
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Task<IReadOnlyList<ModelReport>> Run(Trial trial, EvaluateRequest request, bool json, CancellationToken cancellation)
    {
        if (json || !CommandLine.IsInteractive)
            return EvaluateRun.RunAsync(trial, request, (_, _) => { }, cancellation);
        return AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn()).StartAsync(context =>
        {
            Dictionary<string, ProgressTask> tasks = [];
            return EvaluateRun.RunAsync(trial, request, Show, cancellation);

            void Show(string model, ExperimentProgress step)
            {
                if (!tasks.TryGetValue(model, out ProgressTask? task))
                    tasks.Add(model, task = context.AddTask(model, maxValue: step.All));
                task.Description = $"{model.EscapeMarkup()}: {step.Method.EscapeMarkup()}";
                task.Value = step.Done;
            }
        });
    }
}
