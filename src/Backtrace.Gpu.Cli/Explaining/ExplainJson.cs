using System.Text.Encodings.Web;
using System.Text.Json;
using Backtrace.Gpu.Kernels.Contraction;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The document of `backtrace explain --json`. Field names are a contract with scripts.</summary>
internal static class ExplainJson
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal static void Write(TextWriter output, ExplainResult result, string folder, IReadOnlyList<string[]> files, IReadOnlyList<LayerFigures> layers)
    {
        RunFacts first = result.Batches[0].Facts;
        var document = new
        {
            model = new { name = result.Name, title = result.Model.Title },
            device = first.Device,
            precision = first.Precision == ContractionPrecision.BFloat16 ? "bf16" : "fp32",
            mode = result.IsContrastive ? "contrastive" : "default",
            rules = result.IsFaithful ? "faithful" : "backtrace",
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
                nodes = result.Nodes,
                opposing = result.OpposingMean is { } opposing ? new { mean = opposing, nodes = result.OpposingNodes } : null,
            },
            layers,
            skipped = result.Skipped,
            explanations = result.Explained.Select((e, n) => One(result, e, n, files[n])),
        };
        // Of a large table it is longer than a string can be.
        using TextStream stream = new(output);
        JsonSerializer.Serialize(stream, document, Options);
        output.WriteLine();
    }

    private static object One(ExplainResult result, Explained e, int n, string[] files)
    {
        TokenSamples? texts = result.Samples as TokenSamples;
        PromptSamples? prompts = texts as PromptSamples;
        (BatchFacts batch, int place) = result.BatchOf(n);
        return new
        {
            input = result.Samples switch
            {
                ImageSamples images => images.Images[n].Path,
                TableSamples table => table.Path,
                _ => texts?.Line(n).Path,
            },
            row = (result.Samples as TableSamples)?.Row(n),
            line = texts?.Line(n).Number,
            text = texts?.Line(n).Text,
            position = prompts?.Steps[n].Position,
            label = result.Samples.Label(n) is { } label ? result.Model.Classes[label] : null,
            prediction = Class(result, e.Predicted),
            target = Class(result, e.Target),
            outputs = prompts is null ? e.Scores.Select(score => score.Output) : null,
            probabilities = prompts is null && e.Predicted.Probability is not null ? e.Scores.Select(score => score.Probability) : null,
            alternatives = prompts is null ? null : e.Scores.Select(score => Class(result, score)),
            relevance = new { file = batch.File, index = place },
            features = result.Samples is TableSamples rows ? Features(result, rows, e, n) : null,
            tokens = texts?.Pieces(n).Select((piece, k) => new { id = piece.Id, text = piece.Text, relevance = e.Relevance[k], opposing = e.Opposing?.Relevance[k] }),
            ledger = e.Account,
            opposingLedger = e.Opposing?.Account,
            files,
        };
    }

    private static object Class(ExplainResult result, Score score) =>
        new { index = score.Index, @class = result.ClassName(score.Index), output = score.Output, probability = score.Probability };

    private static IEnumerable<object> Features(ExplainResult result, TableSamples samples, Explained e, int n)
    {
        IReadOnlyList<string> cells = samples.Cells(n);
        float[] relevance = e.Relevance;
        float[]? opposing = e.Opposing?.Relevance;
        return samples.Preprocessing.Columns.Select((column, k) => (object)new { name = column.Name, value = cells[k], relevance = relevance[k], opposing = opposing?[k] });
    }
}
