using System.Text;
using System.Text.Json;
using Backtrace.Gpu.Evaluation.Experiments;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>The summary of an experiment in Markdown and JSON.</summary>
internal static class EvaluateText
{
    private static readonly JsonSerializerOptions Options = new() { WriteIndented = true, NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>Name of the random method in tables.</summary>
    internal const string Random = "Random";

    /// <summary>Name of the method that the others are compared with.</summary>
    private const string Reference = "Backtrace (faithful)";

    internal static string Markdown(Trial trial, EvaluateRequest request, IReadOnlyList<ModelReport> reports)
    {
        StringBuilder text = new($"# {trial.Title}\n");
        foreach (ModelReport report in reports)
        {
            text.Append($"\n## {report.Title}\n\n{report.Result.Subjects} {report.Inputs}; seed {request.Seed}; absent features are replaced by {report.Absent}. Means with 95 % bootstrap intervals.{string.Concat(report.Notes.Select(note => $" {note}"))}\n\n")
                .Append(MarkdownTable.Of(report.Result, Random));
            foreach ((string method, string why) in report.Result.LeftOut)
                text.Append($"\nLeft out: {method}: {why}\n");
            if (report.Result.Methods.Contains(Reference))
                text.Append($"\nDifferences input by input, with 95 % intervals of paired bootstraps; {(report.Result.Subjects < MarkdownTable.Fewest ? $"on fewer than {MarkdownTable.Fewest} inputs none is beyond chance" : "bold: better beyond chance")}.\n\n").Append(MarkdownTable.Differences(report.Result, Reference));
        }

        return text.ToString();
    }

    internal static string Json(Trial trial, EvaluateRequest request, IReadOnlyList<ModelReport> reports) => JsonSerializer.Serialize(
        new
        {
            experiment = trial.Name,
            folder = request.Output,
            seed = request.Seed,
            models = reports.Select(report => new
            {
                model = report.Model,
                inputs = report.Result.Subjects,
                absent = report.Absent,
                notes = report.Notes,
                left_out = report.Result.LeftOut,
                methods = report.Result.Summaries.Select(summary => new
                {
                    method = summary.Method,
                    seconds = summary.Seconds,
                    peak_bytes = Known(summary.PeakBytes),
                    metrics = report.Result.Columns.Zip(summary.Values).ToDictionary(
                        pair => pair.First.Name,
                        pair => new { mean = Known(pair.Second.Mean), lower = Known(pair.Second.Lower), upper = Known(pair.Second.Upper), count = pair.Second.Count, missing = pair.Second.Missing }),
                }),
            }),
        },
        Options);

    private static double? Known(double value) => double.IsNaN(value) ? null : value;
}
