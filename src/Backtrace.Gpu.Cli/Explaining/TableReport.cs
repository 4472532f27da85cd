using System.Globalization;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Ranked features for every row of a run: a CSV file with all of them, SVG charts and cards for the first ones.</summary>
internal static class TableReport
{
    private const int Shown = 60, Bars = 12;

    /// <summary>Writes the files and returns the page's contents; <paramref name="files"/> receives the names of each input's files.</summary>
    internal static Markup Write(ExplainResult result, ResultFolder folder, List<string[]> files, CancellationToken cancellation)
    {
        TableSamples samples = (TableSamples)result.Samples;
        string[] columns = [.. samples.Preprocessing.Columns.Select(column => column.Name)];
        WriteCsv(folder.Add("relevance.csv"), result, columns);

        List<Markup> cards = [];
        for (int n = 0; n < samples.Count; n++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (n >= Shown)
            {
                files.Add([]);
                continue;
            }

            Explained e = result.Explained[n];
            string answer = result.Answer(n), file = $"row-{samples.Row(n)}.svg";
            IReadOnlyList<string> cells = samples.Cells(n);
            float[] relevance = e.Difference;
            IReadOnlyList<Bar> bars = Bar.Rank(columns.Select((name, k) => new Bar(name, relevance[k], cells[k])), Bars);
            File.WriteAllText(folder.Add(file), BarChart.File(bars, $"{samples.Name(n)}: {answer}", result.Model.Title));
            files.Add([file]);
            Markup label = samples.Label(n) is { } truth ? Verdict(truth == e.Predicted.Index, result.Model.Classes[truth]) : Markup.Empty;
            cards.Add($"""
                <article class="card"><h3>{char.ToUpperInvariant(samples.Name(n)[0]) + samples.Name(n)[1..]}</h3><p class="note">{answer}{label}</p>{BarChart.Inline(bars, samples.Name(n))}{LedgerSection.Lines(e)}</article>
                """);
        }

        Markup rest = samples.Count > Shown ? $"<p class=\"note\">The first {Shown} of {Counted.Of(samples.Count, "row")}; <code>relevance.csv</code> has all.</p>" : Markup.Empty;
        return $"""
            {Average(result, folder, columns)}
            <section><h2>Which features decided, row by row</h2>
            <p>{ReadingHint(result)} A column of words stands for all of its categories.</p>
            <div class="grid" style="--least:440px">{cards}</div>{rest}</section>
            """;
    }

    private static string ReadingHint(ExplainResult result) => result.IsContrastive
        ? "Each feature has a share of what supports the answer and a share of what opposes it; a bar is the difference, in percentage points. Orange features support more than they oppose, blue ones oppose more."
        : $"The longer a bar, the larger the feature's share of the decision{result.Pull}. The shares of all features and of the network's own constants (its biases) add up to 100 %.";

    /// <summary>Whether the answer is right; <paramref name="truth"/> is the name of the class that is.</summary>
    internal static Markup Verdict(bool right, string truth) =>
        right ? $" <span class=\"yes\">right</span>" : (Markup)$" <span class=\"no\">wrong: it is {truth}</span>";

    private static Markup Average(ExplainResult result, ResultFolder folder, string[] columns)
    {
        int rows = result.Explained.Count;
        if (rows < 2)
            return Markup.Empty;
        double[] sums = new double[columns.Length];
        foreach (Explained e in result.Explained)
        {
            float[] relevance = e.Difference;
            for (int k = 0; k < sums.Length; k++)
                sums[k] += relevance[k];
        }

        IReadOnlyList<Bar> bars = Bar.Rank(columns.Select((name, k) => new Bar(name, sums[k] / rows)), 24);
        File.WriteAllText(folder.Add("average.svg"), BarChart.File(bars, $"Average of {Counted.Of(rows, "row")}", result.Model.Title));
        return $"""<section><h2>On average</h2><p>Mean {(result.IsContrastive ? "difference" : "share")} of each feature over the {Counted.Of(rows, "explained row")}.</p><div class="card wide">{BarChart.Inline(bars, "Average relevance", wide: true)}</div></section>""";
    }

    private static void WriteCsv(string path, ExplainResult result, string[] columns)
    {
        static string Cell(string text) => text.AsSpan().IndexOfAny("\",\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
        IEnumerable<string> Shares(Flow flow) => flow.Relevance.Select(value => value.ToString("R", CultureInfo.InvariantCulture));
        using StreamWriter text = new(path);
        WriteLine(["row", "predicted", result.Explained[0].Predicted.Probability is null ? "value" : "probability", "explained", .. columns.Select(Cell), "bias", "dropped", .. result.IsContrastive ? columns.Select(name => Cell(name + ".opposing")) : []]);
        for (int n = 0; n < result.Explained.Count; n++)
        {
            Explained e = result.Explained[n];
            WriteLine(
            [
                ((TableSamples)result.Samples).Row(n).ToString(CultureInfo.InvariantCulture), Cell(result.Model.Classes[e.Predicted.Index]), Number(e.Predicted.Probability ?? e.Predicted.Output), Cell(result.Model.Classes[e.Target.Index]),
                .. Shares(e.Flow), Number(e.Flow.ShareOf(e.Account.Bias)), Number(e.Flow.ShareOf(e.Account.Dropped)), .. e.Opposing is null ? [] : Shares(e.Opposing),
            ]);
        }

        void WriteLine(IEnumerable<string> cells)
        {
            text.Write(string.Join(',', cells));
            text.Write('\n');
        }
    }
}
