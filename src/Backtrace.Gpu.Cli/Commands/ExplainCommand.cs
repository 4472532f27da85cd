using System.CommandLine;
using System.Diagnostics;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Spectre.Console;
using static TorchSharp.torch;
using Markup = Backtrace.Gpu.Cli.Pages.Markup;

namespace Backtrace.Gpu.Cli.Commands;

/// <summary>`backtrace explain`: relevance of pictures, table rows or texts, as files for programs and a page for people.</summary>
internal static class ExplainCommand
{
    private const string Description = "Explain a model's answers: which pixels, features or tokens they were made from.";

    internal static Command Create()
    {
        Option<string> model = new("--model", "-m") { Description = "Name of a model, a folder with model.json and model.safetensors, or a Llama, BERT, DistilBERT or RoBERTa folder of Hugging Face. A wrong name lists all.", Required = true };
        Option<string[]> input = new("--input", "-i") { Description = "Pictures, folders of pictures, one CSV file (loans.csv, loans.csv:0-9), or one file with a text on each line. - is standard input, for tables and texts (not on Windows).", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
        Option<string[]> text = new("--text") { Description = "Texts, for models that read them; instead of --input.", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
        Option<string?> rows = new("--rows") { Description = "Rows of the CSV file, pictures in their order, or lines of the file of texts, counted from 0: 0-9, 3,17, 500- for all from 500 on. [default: all]" };
        Option<string[]> target = new("--target", "-t") { Description = "What to explain: argmax, a class or token, or its number; several at once as in cat,dog or argmax,cat; top:3, each input's three most likely. Of a segmentation, argmax is the largest class after the first.", DefaultValueFactory = _ => ["argmax"], AllowMultipleArgumentsPerToken = true };
        Option<int> generate = new("--generate") { Description = "Let a language model add so many tokens, 1 to 1000, the most likely one each time, and explain each. [default: explain the next one]" };
        Option<string> mode = new("--mode") { Description = "default: what the answer was made from; contrastive: what supports it and what opposes it.", DefaultValueFactory = _ => "default" };
        Option<string> rules = new("--rules") { Description = "backtrace: the paper's, never negative in default mode; faithful: evidence keeps its sign, for better rankings.", DefaultValueFactory = _ => "backtrace" };
        Option<string[]> layers = new("--layers") { Description = "Layers to be shown and kept too, as in layer1.0.conv1,linear, or all. list prints those of the model, with the shapes of one input, and explains nothing. [default: none]", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
        Option<string> device = new("--device", "-d") { Description = "cpu, opencl:0, cuda:0; backtrace devices lists those of this machine.", DefaultValueFactory = _ => "cpu" };
        Option<string> type = new("--dtype") { Description = "Operands of the dense products; sums are fp32 in any case.", DefaultValueFactory = _ => "fp32" };
        Option<string> weights = new("--weights") { Description = "A Llama's weights in memory: fp32, or bf16 for half of it. Tokens are then predicted as by the model in bf16.", DefaultValueFactory = _ => "fp32" };
        Option<bool> recompute = new("--recompute") { Description = "For long texts and large pictures: run each block of the network (a Llama's or BERT's layers, a ResNet's blocks) a second time instead of keeping its inner values. Much less memory, 1.4 to 1.8 times the time, the same result." };
        Option<string> output = new("--out", "-o") { Description = "Folder for the results.", DefaultValueFactory = _ => "explanation" };
        Option<int> batch = new("--batch") { Description = "Inputs per pass. [default: 32 pictures or texts, 16 tokens of a prompt, 1024 rows]" };
        Option<bool> skipBad = new("--skip-bad") { Description = "Leave out pictures, rows and texts that cannot be used and say why, instead of stopping at the first." };
        Option<bool> ledger = new("--ledger") { Description = "Print what every layer received, handed on and kept." };
        Option<bool> json = new("--json") { Description = "Print one JSON document instead of text." };
        Option<string> colour = new("--color") { Description = "Colours on the console: auto, always, never.", DefaultValueFactory = _ => "auto" };
        foreach (Option<string[]> several in new[] { input, text, target, layers })
            several.RefuseOptions();
        type.AcceptOnlyFromAmong("fp32", "bf16");
        weights.AcceptOnlyFromAmong("fp32", "bf16");
        mode.AcceptOnlyFromAmong("default", "contrastive");
        rules.AcceptOnlyFromAmong("backtrace", "faithful");
        colour.AcceptOnlyFromAmong("auto", "always", "never");
        generate.MustBeBetween(1, 1000);
        batch.MustBeBetween(1, 1 << 20);
        Command command = new("explain", Description) { model, input, text, rows, target, generate, mode, rules, layers, device, type, weights, recompute, output, batch, skipBad, ledger, json, colour };
        command.SetAction((parsed, cancellation) =>
        {
            ExplainRequest request = new(parsed.GetRequiredValue(model), [.. parsed.GetRequiredValue(input).Select(StandardInput.Opened)], parsed.GetRequiredValue(output))
            {
                Texts = parsed.GetRequiredValue(text),
                Generate = parsed.GetValue(generate),
                Mode = parsed.GetValue(mode) == "contrastive" ? Mode.Contrastive : Mode.Default,
                IsFaithful = parsed.GetValue(rules) == "faithful",
                Rows = parsed.GetValue(rows),
                Targets = parsed.GetRequiredValue(target),
                Layers = NameList.Of(parsed.GetRequiredValue(layers)),
                Device = DeviceChoice.Parse(parsed.GetRequiredValue(device)),
                Precision = parsed.GetValue(type) == "bf16" ? ContractionPrecision.BFloat16 : ContractionPrecision.Single,
                Weights = parsed.GetValue(weights) == "bf16" ? ScalarType.BFloat16 : ScalarType.Float32,
                Recompute = parsed.GetValue(recompute),
                Batch = parsed.GetValue(batch),
                SkipBad = parsed.GetValue(skipBad),
                Json = parsed.GetValue(json),
            };
            if (request.Layers is [var only] && string.Equals(only, "list", StringComparison.OrdinalIgnoreCase))
            {
                LayerList.Write(parsed.InvocationConfiguration.Output, request, Warner(parsed.InvocationConfiguration.Error), cancellation);
                return Task.FromResult(ExitCodes.Ok);
            }

            Run(request, parsed.GetValue(ledger), IsColoured(parsed.GetRequiredValue(colour)), parsed.InvocationConfiguration, cancellation);
            return Task.FromResult(ExitCodes.Ok);
        });
        return command;
    }

    private static void Run(ExplainRequest request, bool ledger, bool colour, InvocationConfiguration console, CancellationToken cancellation)
    {
        using ResultFolder folder = new(request.Output, request.Inputs.SelectMany(Files));
        try
        {
            Write(request, folder, ledger, colour, console, cancellation);
        }
        catch (Exception e) when (folder is { Kept: { } kept, IsWhole: false } && (kept.Done > 0 || !IsSettled(e)))
        {
            console.Error.WriteLine(Rest(request, folder.Path, kept));
            throw;
        }
    }

    // Whether other passes or another folder would change nothing.
    private static bool IsSettled(Exception e) => e is UsageException or TargetException or UnknownLayerException or UnsupportedLayerException;

    private static string Rest(ExplainRequest request, string folder, KeptInputs kept)
    {
        if (kept.Done == 0)
            return $"Nothing is kept in {folder}: no pass was finished.{(kept.All > 1 && request.Batch != 1 ? " With a smaller --batch passes are shorter." : "")}";
        string text = $"Relevance of {Numbers.Count(kept.Done)} of {Counted.Of(kept.All, "input")} is kept in {folder}: relevance*.safetensors, {kept.List}. The page was not written.";
        (string? path, string? behind) = request.Inputs.Count == 1 ? RowSelection.Split(request.Inputs[0]) : (null, null);
        RowSelection rows = RowSelection.Parse(request.Rows ?? behind ?? "0-");
        // Only in ascending order does what is left follow the last row.
        if (kept.Next is not { } next || !rows.IsAscending || rows.From(next) is not { } left)
            return text;
        return $"{text} To go on, give another --out and --rows {left}{(behind is null ? "" : $", and --input {path} without its rows")}.";
    }

    private static void Write(ExplainRequest request, ResultFolder folder, bool ledger, bool colour, InvocationConfiguration console, CancellationToken cancellation)
    {
        Stopwatch watch = Stopwatch.StartNew();
        ExplainResult result = Explain(request, folder, console.Error, cancellation);
        using Samples samples = result.Samples;
        using Report? report = result.Report;
        List<string[]> files = [];
        Markup body = report?.Finish(result) ?? TextReport.Write(result, folder, files, cancellation);
        IReadOnlyList<LayerFigures> layers = LayerFigures.Of(result);
        body = $"{body}{LayerReport.Write(result, layers, folder, cancellation)}";
        ExplainPage.Write(folder.Add("index.html"), result, body);
        folder.RemoveEarlier();
        if (request.Json)
        {
            ExplainJson.Write(console.Output, result, request.Output, files, layers);
            return;
        }

        LayerReport.WriteText(console.Output, layers, result);
        if (ledger)
            ExplainText.WriteLedger(console.Output, result);
        ExplainText.Write(console.Output, result, request.Output, watch.Elapsed, colour);
    }

    // What --input names; rows may stand after the name of a table.
    private static IEnumerable<string> Files(string input) => Directory.Exists(input) ? Directory.EnumerateFiles(input) : input.Length == 0 ? [] : [RowSelection.Split(input).Path];

    private static bool IsColoured(string choice) => choice switch
    {
        "always" => true,
        "never" => false,
        _ => CommandLine.IsInteractive && AnsiConsole.Profile.Capabilities.ColorSystem != ColorSystem.NoColors && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")),
    };

    private static Action<string> Warner(TextWriter error) => message => error.WriteLine(Printable.Line(message));

    private static ExplainResult Explain(ExplainRequest request, ResultFolder folder, TextWriter error, CancellationToken cancellation)
    {
        if (request.Json || !CommandLine.IsInteractive)
            return ExplainRun.Run(request, folder, Warner(error), (_, _, _) => { }, cancellation);
        return AnsiConsole.Progress().AutoClear(true).Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn()).Start(context =>
        {
            ProgressTask task = context.AddTask("starting");
            return ExplainRun.Run(request, folder, Warner(error), Show, cancellation);

            void Show(string doing, double done, int all)
            {
                task.Description = Spectre.Console.Markup.Escape(doing);
                (task.MaxValue, task.Value, task.IsIndeterminate) = (Math.Max(1, all), done, all == 0);
            }
        });
    }
}
