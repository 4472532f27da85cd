using System.Text.Encodings.Web;
using System.Text.Json;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The document of `backtrace explain --json`. Field names are a contract with scripts.</summary>
internal static class ExplainJson
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal static string Write(ExplainResult result, string folder, IReadOnlyList<string[]> files)
    {
        IReadOnlyList<string> classes = result.Model.Classes;
        RunFacts first = result.Batches[0].Facts;
        var document = new
        {
            model = new { name = result.Name, title = result.Model.Title },
            device = first.Device,
            precision = first.Precision == ContractionPrecision.BFloat16 ? "bf16" : "fp32",
            output = Path.GetFullPath(folder),
            page = "index.html",
            relevance = result.Batches.Select(batch => batch.File),
            timing = new
            {
                forwardSeconds = result.Batches.Sum(b => b.Facts.ForwardSeconds),
                relevanceSeconds = result.Batches.Sum(b => b.Facts.RelevanceSeconds),
                secondsPerExplanation = result.Seconds / result.Explained.Count,
            },
            peakBytes = result.Batches.Max(b => b.Facts.PeakBytes),
            ledger = new
            {
                mean = result.Mean,
                nodes = NodeTotals.Of(result.Batches),
            },
            explanations = result.Explained.Select((e, n) => new
            {
                input = result.Samples is ImageSamples images ? images.Images[n].Path : ((TableSamples)result.Samples).Path,
                row = (result.Samples as TableSamples)?.Row(n),
                label = result.Samples.Label(n) is { } label ? classes[label] : null,
                prediction = Class(e.Predicted, e),
                target = Class(e.Target, e),
                outputs = e.Outputs,
                probabilities = e.Probabilities,
                relevance = new { file = result.BatchOf(n).Batch.File, index = result.BatchOf(n).Place },
                features = result.Samples is TableSamples table ? Features(table.Preprocessing, table.Cells(n), TableReport.PerColumn(result, n)) : null,
                ledger = e.Account,
                files = files[n],
            }),
        };
        return JsonSerializer.Serialize(document, Options);

        object Class(int index, Explained e) => new { index, @class = classes[index], output = e.Outputs[index], probability = e.Probabilities[index] };
    }

    private static IEnumerable<object> Features(TabularPreprocessing preprocessing, IReadOnlyList<string> cells, float[] relevance) =>
        preprocessing.Columns.Select((column, k) => (object)new { name = column.Name, value = cells[k], relevance = relevance[k] });
}
