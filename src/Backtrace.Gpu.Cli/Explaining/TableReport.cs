using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>
/// Ranked features of every row of a table, written while the rows are explained: a CSV file with all of them, SVG charts and cards for the first ones.
/// </summary>
internal sealed class TableReport : IDisposable
{
    /// <summary>Rows that are shown on the page.</summary>
    internal const int Shown = 60;

    private const int Bars = 12;

    private readonly TableSamples samples;
    private readonly ModelDescription model;
    private readonly ResultFolder folder;
    private readonly string[] columns;
    private readonly double[] sums;
    private readonly List<Markup> cards = [];
    private TableCsv? csv;

    /// <param name="samples">The rows.</param>
    /// <param name="model">The model.</param>
    /// <param name="folder">Receives the files.</param>
    /// <param name="json">Whether the rows are wanted as JSON as well.</param>
    internal TableReport(TableSamples samples, ModelDescription model, ResultFolder folder, bool json)
    {
        this.samples = samples;
        this.model = model;
        this.folder = folder;
        columns = [.. samples.Preprocessing.Columns.Select(column => column.Name)];
        sums = new double[columns.Length];
        Json = json ? new JsonLines(folder.Add(".backtrace-rows.part")) : null;
    }

    /// <summary>The rows for the JSON document; null unless wanted.</summary>
    internal JsonLines? Json { get; }

    /// <summary>Writes the rows of one pass.</summary>
    internal void Add(BatchFacts batch, IReadOnlyList<Explained> found)
    {
        csv ??= new TableCsv(folder.Add("relevance.csv"), model, columns, found[0]);
        csv.Add([.. found.Select((e, k) => (samples.Row(batch.First + k), e))]);
        for (int k = 0; k < found.Count; k++)
        {
            Explained e = found[k];
            int n = batch.First + k;
            for (int column = 0; column < sums.Length; column++)
                sums[column] += e.Relevance[column] - (e.Opposing?.Relevance[column] ?? 0);
            string[] files = n < Shown ? [Show(n, e)] : [];
            Json?.Add(ExplainJson.One(model, samples, e, n, batch, files), ExplainJson.Compact);
        }
    }

    /// <summary>Ends the CSV file and returns the page's contents.</summary>
    internal Markup Finish(ExplainResult result)
    {
        csv!.Dispose();
        Markup rest = result.Count > Shown ? $"<p class=\"note\">The first {Shown} of {Counted.Of(result.Count, "row")}; <code>relevance.csv</code> has all.</p>" : Markup.Empty;
        return $"""
            {Average(result)}
            <section><h2>Which features decided, row by row</h2>
            <p>{ReadingHint(result)} A column of words stands for all of its categories.</p>
            <div class="grid" style="--least:440px">{cards}</div>{rest}</section>
            """;
    }

    /// <summary>Whether the answer is right; <paramref name="truth"/> is the name of the class that is.</summary>
    internal static Markup Verdict(bool right, string truth) =>
        right ? $" <span class=\"yes\">right</span>" : (Markup)$" <span class=\"no\">wrong: it is {truth}</span>";

    public void Dispose()
    {
        csv?.Dispose();
        Json?.Dispose();
    }

    // The name of the row's chart.
    private string Show(int n, Explained e)
    {
        string answer = Words.Answer(e, k => samples.ClassName(k, model)), file = $"row-{samples.Row(n)}.svg", name = samples.Name(n);
        IReadOnlyList<string> cells = samples.Cells(n);
        float[] relevance = e.Difference;
        IReadOnlyList<Bar> bars = Bar.Rank(columns.Select((column, k) => new Bar(column, relevance[k], cells[k])), Bars);
        File.WriteAllText(folder.Add(file), BarChart.File(bars, $"{name}: {answer}", model.Title));
        Markup label = samples.Label(n) is { } truth ? Verdict(truth == e.Predicted.Index, model.Classes[truth]) : Markup.Empty;
        cards.Add($"""
            <article class="card"><h3>{char.ToUpperInvariant(name[0]) + name[1..]}</h3><p class="note">{answer}{label}</p>{BarChart.Inline(bars, name)}{LedgerSection.Lines(e)}</article>
            """);
        return file;
    }

    private static string ReadingHint(ExplainResult result) => result.IsContrastive
        ? "Each feature has a share of what supports the answer and a share of what opposes it; a bar is the difference, in percentage points. Orange features support more than they oppose, blue ones oppose more."
        : $"The longer a bar, the larger the feature's share of the decision{result.Pull}. The shares of all features and of the network's own constants (its biases) add up to 100 %.";

    private Markup Average(ExplainResult result)
    {
        int rows = result.Count;
        if (rows < 2)
            return Markup.Empty;
        IReadOnlyList<Bar> bars = Bar.Rank(columns.Select((name, k) => new Bar(name, sums[k] / rows)), 24);
        File.WriteAllText(folder.Add("average.svg"), BarChart.File(bars, $"Average of {Counted.Of(rows, "row")}", model.Title));
        return $"""<section><h2>On average</h2><p>Mean {(result.IsContrastive ? "difference" : "share")} of each feature over the {Counted.Of(rows, "explained row")}.</p><div class="card wide">{BarChart.Inline(bars, "Average relevance", wide: true)}</div></section>""";
    }
}
