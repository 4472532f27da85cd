using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Ranked features of every row of a table: a CSV file with all of them, SVG charts and cards for the first ones.</summary>
internal sealed class TableReport : Report
{
    private const int Shown = 60, Bars = 12;

    private readonly TableSamples samples;
    private readonly IReadOnlyList<string> columns;
    // Of each target, in the order of the targets.
    private readonly OrderedDictionary<TargetChoice, double[]> sums = [];
    private readonly List<Markup> cards = [];

    internal TableReport(TableSamples samples, ModelDescription model, ResultFolder folder, bool json)
        : base(samples, model, folder, json)
    {
        this.samples = samples;
        columns = samples.Columns;
    }

    internal override Markup Finish(ExplainResult result)
    {
        Markup rest = result.Count > Shown ? $"<p class=\"note\">The first {Shown} of {result.CountOf("row")}; <code>relevance.csv</code> has all.</p>" : Markup.Empty;
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

    private protected override string[] Write(Explained e)
    {
        if (!sums.TryGetValue(e.Asked, out double[]? sum))
            sums.Add(e.Asked, sum = new double[columns.Count]);
        for (int column = 0; column < sum.Length; column++)
            sum[column] += e.Relevance[column] - (e.Opposing?.Relevance[column] ?? 0);
        if (Count >= Shown)
            return [];
        string answer = Answer(e), file = $"row-{samples.Row(e.Input)}{e.Asked.Suffix}.svg", name = samples.Name(e.Input);
        IReadOnlyList<string> cells = samples.Cells(e.Input);
        float[] relevance = e.Difference;
        IReadOnlyList<Bar> bars = Bar.Rank(columns.Select((column, k) => new Bar(column, relevance[k], cells[k])), Bars);
        WholeFile.WriteText(Folder.Add(file), BarChart.File(bars, $"{name}: {answer}", Model.Title));
        Markup label = samples.Label(e.Input) is { } truth ? Verdict(truth == e.Predicted.Index, Model.Classes[truth]) : Markup.Empty;
        cards.Add($"""
            <article class="card"><h3>{char.ToUpperInvariant(name[0]) + name[1..]}</h3><p class="note">{answer}{label}</p>{BarChart.Inline(bars, name)}{LedgerSection.Lines(e)}</article>
            """);
        return [file];
    }

    private static string ReadingHint(ExplainResult result) => result.IsContrastive
        ? "Each feature has a share of what supports the answer and a share of what opposes it; a bar is the difference, in percentage points. Orange features support more than they oppose, blue ones oppose more."
        : $"The longer a bar, the larger the feature's share of the decision{result.Pull}. The shares of all features and of the network's own constants (its biases) add up to 100 %.";

    private Markup Average(ExplainResult result)
    {
        int rows = samples.Count;
        if (rows < 2)
            return Markup.Empty;
        return $"""<section><h2>On average</h2><p>Mean {(result.IsContrastive ? "difference" : "share")} of each feature over the {Counted.Of(rows, "explained row")}.</p>{sums.Select(target => Average(target.Key, target.Value, rows))}</section>""";
    }

    private Markup Average(TargetChoice target, double[] sum, int rows)
    {
        IReadOnlyList<Bar> bars = Bar.Rank(columns.Select((name, k) => new Bar(name, sum[k] / rows)), 24);
        string title = $"Average of {Counted.Of(rows, "row")}{(target.IsAlone ? "" : $"; explained: {target.Name}")}";
        WholeFile.WriteText(Folder.Add($"average{target.Suffix}.svg"), BarChart.File(bars, title, Model.Title));
        Markup heading = target.IsAlone ? Markup.Empty : $"<h3>explained: {target.Name}</h3>";
        return $"""<div class="card wide">{heading}{BarChart.Inline(bars, "Average relevance", wide: true)}</div>""";
    }
}
