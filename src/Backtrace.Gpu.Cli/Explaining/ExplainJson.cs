using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The document of `backtrace explain --json`. Field names are a contract with scripts.</summary>
internal static class ExplainJson
{
    /// <summary>A value on one line.</summary>
    internal static readonly JsonSerializerOptions Compact = new(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { LeaveOutAsked } },
    };

    /// <summary>A document.</summary>
    internal static readonly JsonSerializerOptions Indented = new(Compact) { WriteIndented = true };

    internal static void Write(TextWriter output, ExplainResult result, string folder, IReadOnlyList<string[]> files, IReadOnlyList<LayerFigures> layers)
    {
        RunFacts first = result.Batches[0].Facts;
        var document = new
        {
            model = new { name = result.Name, title = result.Model.Title },
            device = first.Device,
            precision = first.Precision == ContractionPrecision.BFloat16 ? "bf16" : "fp32",
            weights = result.IsHalf ? "bf16" : "fp32",
            mode = result.IsContrastive ? "contrastive" : "default",
            rules = result.IsFaithful ? "faithful" : "backtrace",
            output = Path.GetFullPath(folder),
            page = "index.html",
            relevance = result.Batches.Select(batch => batch.File),
            timing = new
            {
                forwardSeconds = result.Batches.Sum(b => b.Facts.ForwardSeconds),
                relevanceSeconds = result.Batches.Sum(b => b.Facts.RelevanceSeconds),
                secondsPerExplanation = result.Seconds / result.Count,
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
            explanations = result.Report?.Json is { } lines ? lines.Read().Cast<object>() : result.Explained.Select((e, n) => One(result.Model, result.Samples, e, files[n])),
        };
        // Of a large table it is longer than a string can be.
        using TextStream stream = new(output);
        JsonSerializer.Serialize(stream, document, Indented);
        output.WriteLine();
    }

    /// <summary>One input, explained for one target.</summary>
    /// <param name="model">The model.</param>
    /// <param name="samples">The inputs.</param>
    /// <param name="e">What was found.</param>
    /// <param name="files">Names of its pictures.</param>
    internal static object One(ModelDescription model, Samples samples, Explained e, string[] files)
    {
        int n = e.Input;
        TokenSamples? texts = samples as TokenSamples;
        PromptSamples? prompts = texts as PromptSamples;
        TableSamples? table = samples as TableSamples;
        return new
        {
            input = samples is ImageSamples images ? images.FileOf(n) : table?.Path ?? texts?.Line(n).Path,
            row = table?.Row(n),
            line = texts?.Line(n).Number,
            text = texts?.Line(n).Text,
            position = prompts?.Steps[n].Position,
            label = samples.Label(n) is { } label ? model.Classes[label] : null,
            prediction = Class(e.Predicted),
            target = Class(e.Target),
            asked = e.Asked.IsAlone ? null : e.Asked.Name,
            outputs = prompts is null ? e.Scores.Select(score => score.Known) : null,
            probabilities = prompts is null && e.Predicted.Probability is not null ? e.Scores.Select(score => score.Probability) : null,
            alternatives = prompts is null ? null : e.Scores.Select(Class),
            relevance = new { file = e.File, index = e.Place },
            features = table is null ? null : Features(table, e, n),
            tokens = texts?.Pieces(n).Select((piece, k) => new { id = piece.Id, text = piece.Text, relevance = e.Relevance[k], opposing = e.Opposing?.Relevance[k] }),
            ledger = e.Account,
            opposingLedger = e.Opposing?.Account,
            files,
        };

        object Class(Score score) => new { index = score.Index, @class = samples.ClassName(score.Index, model), output = score.Known, probability = score.Probability };
    }

    // Absent where it does not apply, unlike other fields: with one target the document is what it was before there could be several.
    private static void LeaveOutAsked(JsonTypeInfo type)
    {
        foreach (JsonPropertyInfo property in type.Properties.Where(property => property.Name == "asked"))
            property.ShouldSerialize = (_, value) => value is not null;
    }

    private static IEnumerable<object> Features(TableSamples samples, Explained e, int n)
    {
        IReadOnlyList<string> cells = samples.Cells(n);
        return samples.Preprocessing.Columns.Select((column, k) => (object)new { name = column.Name, value = cells[k], relevance = e.Relevance[k], opposing = e.Opposing?.Relevance[k] });
    }
}
