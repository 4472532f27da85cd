using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;
using TorchSharp;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>Runs an experiment on its models and writes what it found: results.csv, results.parquet and settings.json for each, a table and a page for all.</summary>
internal static class EvaluateRun
{
    private const int Examples = 4, QuickExamples = 2;
    private const string Table = "results.md", Page = "index.html", Parquet = "results.parquet";

    // What a run writes; it may be told to write into the folder of a model or of its data, which it does not change by that.
    private static readonly string[] Written = [Table, Page, Parquet, Experiment.FileName, Settings.FileName];

    /// <param name="trial">Which experiment.</param>
    /// <param name="request">How.</param>
    /// <param name="progress">Told how far it is, and with which model.</param>
    /// <param name="cancellation">Stops; what is measured by then is kept and not measured again.</param>
    internal static async Task<IReadOnlyList<ModelReport>> RunAsync(Trial trial, EvaluateRequest request, Action<string, ExperimentProgress> progress, CancellationToken cancellation)
    {
        IReadOnlyList<Method> methods = Methods.Choose(request.Methods, trial.Modality);
        Metrics.Check(request.Metrics, trial.Modality);
        if (request.Models.GroupBy(FolderName).FirstOrDefault(of => of.Count() > 1) is { } repeated)
            throw new UsageException($"--model: two models are called {repeated.Key}, and each writes into a folder of its name: rename one, or evaluate them into different folders.");
        using OutputFolder prepared = OutputFolder.Prepare(request.Output);
        List<ModelReport> reports = [];
        foreach (string model in request.Models.Count > 0 ? request.Models : trial.Models)
        {
            ModelPackage package = request.Models.Count > 0 ? ModelPackage.Load(model) : DefaultModel.Load(model, "--model");
            using Bench bench = trial.Open(package, request, cancellation);
            if (bench.Subjects.Count == 0)
                throw new InvalidInputException(bench.Data, "has no input that can be explained: texts need at least four tokens and must fit into the model, tables at least one row");
            IReadOnlyList<Contestant> contestants = Methods.For(bench, methods);
            IReadOnlyList<Gauge> gauges = Metrics.For(bench, trial.Modality);
            string folder = Path.Combine(request.Output, bench.Package.Name);
            Experiment experiment = new(bench.Model, contestants, gauges, bench.Subjects);
            ExperimentResult result = experiment.Run(folder, SettingsOf(trial, bench), new Progress(step => progress(bench.Package.Name, step)), cancellation);
            result = result with { LeftOut = result.LeftOut.Concat(Methods.Unfit(bench, methods)).ToDictionary() };
            await ParquetTable.WriteAsync(result, Path.Combine(folder, Parquet), cancellation);
            reports.Add(new ModelReport(bench.Package.Name, bench.Package.Description.Title, Counted.Noun(result.Subjects, bench.Inputs.One, bench.Inputs.Many), bench.Absent, [.. bench.Notes, .. Metrics.Notes(bench, gauges)], result, Show(bench, [.. contestants.Where(contestant => result.Methods.Contains(contestant.Name))], cancellation), bench.ExampleWidth));
        }

        WholeFile.WriteText(Path.Combine(request.Output, Table), EvaluateText.Markdown(trial, request, reports));
        WholeFile.WriteText(Path.Combine(request.Output, Page), EvaluatePage.Text(trial, request, reports));
        return reports;
    }

    private static string FolderName(string model) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(model)));

    private static Settings SettingsOf(Trial trial, Bench bench)
    {
        EvaluateRequest request = bench.Request;
        return new Settings(new Dictionary<string, string>
        {
            ["experiment"] = trial.Name,
            ["model"] = $"{bench.Package.Name} {Settings.Digest(bench.Package.Folder, Written)}",
            ["data"] = Path.Exists(bench.Data) ? $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(bench.Data))} {Settings.Digest(bench.Data, Written)}" : bench.Data,
            ["seed"] = FormattableString.Invariant($"{request.Seed}"),
            ["absent"] = bench.Absent,
            ["budget"] = request.IsQuick ? "quick" : "full",
            ["metrics"] = string.Join(", ", (request.Metrics.Count > 0 ? request.Metrics : Metrics.Keys(trial.Modality, extra: false)).Order(StringComparer.Ordinal)),
            ["code"] = Code(),
        });
    }

    // Which build of the methods, metrics and rules: numbers of different ones are not mixed.
    private static string Code()
    {
        Type[] parts = [typeof(Experiment), typeof(IExplainer), typeof(Backtracer), typeof(Kernels.Rules.RuleSet), typeof(ModelPackage), typeof(EvaluateRun)];
        return string.Join('-', parts.Select(part => part.Assembly.ManifestModule.ModuleVersionId.ToString("N")[..8]));
    }

    // The first inputs, explained by every method once more.
    private static List<Pages.Markup> Show(Bench bench, IReadOnlyList<Contestant> contestants, CancellationToken cancellation)
    {
        int count = Math.Min(bench.Subjects.Count, bench.Request.IsQuick ? QuickExamples : Examples);
        List<Pages.Markup>[] shown = [.. Enumerable.Range(0, count).Select(_ => new List<Pages.Markup>())];
        foreach (Contestant contestant in contestants)
        {
            using IExplainer explainer = contestant.Create();
            for (int k = 0; k < count; k++)
            {
                using torch.Tensor attributions = explainer.Explain(bench.Subjects[k].Samples, cancellation);
                shown[k].Add(bench.Example(k, contestant.Name, attributions.to(torch.float32).contiguous().data<float>().ToArray()));
            }
        }

        return [.. shown.Select((methods, k) => (Pages.Markup)$"""{bench.ExampleHead(k)}<div class="grid tight" style="--least:{bench.ExampleWidth}">{methods}</div>""")];
    }

    private sealed class Progress(Action<ExperimentProgress> report) : IProgress<ExperimentProgress>
    {
        public void Report(ExperimentProgress value) => report(value);
    }
}

/// <summary>What an experiment found with one model.</summary>
/// <param name="Model">Name of the model.</param>
/// <param name="Title">What it is.</param>
/// <param name="Inputs">What was explained, in words that agree with the number of inputs.</param>
/// <param name="Absent">What stood in for absent features, in words.</param>
/// <param name="Notes">What a reader should know of inputs and metrics, a sentence each.</param>
/// <param name="Result">The numbers.</param>
/// <param name="Examples">Some inputs with the explanations of all methods.</param>
/// <param name="ExampleWidth">Least width of an explanation on the page.</param>
internal sealed record ModelReport(string Model, string Title, string Inputs, string Absent, IReadOnlyList<string> Notes, ExperimentResult Result, IReadOnlyList<Pages.Markup> Examples, string ExampleWidth);
