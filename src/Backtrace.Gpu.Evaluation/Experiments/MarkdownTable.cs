using System.Globalization;
using System.Text;

namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>The summary of an experiment as a table in Markdown: a line per method, with mean and 95 % interval, and the random explainer's score in the head.</summary>
public static class MarkdownTable
{
    /// <summary>Writes the table.</summary>
    /// <param name="result">What was measured.</param>
    /// <param name="random">Name of the method whose scores stand in the head, beside the metrics; null for none.</param>
    public static string Of(ExperimentResult result, string? random)
    {
        Summary? chance = result.Summaries.FirstOrDefault(summary => summary.Method == random);
        StringBuilder text = new();
        Line(text, ["method", .. result.Columns.Select((column, k) => Head(column, chance?.Values[k])), "ms", "MB"]);
        Line(text, ["---", .. Enumerable.Repeat("---:", result.Columns.Count + 2)]);
        double[] best = [.. result.Columns.Select((column, k) => Best(column, result.Summaries.Where(summary => summary != chance).Select(summary => summary.Values[k].Mean)))];
        foreach (Summary summary in result.Summaries)
        {
            Line(text,
            [
                summary.Method,
                .. summary.Values.Select((value, k) => Cell(value, summary != chance && value.Mean == best[k])),
                Number(summary.Seconds * 1e3, "0.0"),
                Number(summary.PeakBytes / (1 << 20), "0.0"),
            ]);
        }

        return text.ToString();
    }

    /// <summary>The best of some means; NaN where none is.</summary>
    public static double Best(Column column, IEnumerable<double> means)
    {
        IEnumerable<double> known = means.Where(mean => !double.IsNaN(mean)).DefaultIfEmpty(double.NaN);
        return column.Better switch
        {
            Better.Higher => known.Max(),
            Better.Lower => known.Min(),
            _ => double.NaN,
        };
    }

    private static void Line(StringBuilder text, IEnumerable<string> cells) =>
        text.Append("| ").AppendJoin(" | ", cells.Select(cell => cell.Replace("|", "\\|", StringComparison.Ordinal))).Append(" |\n");

    private static string Head(Column column, Interval? chance)
    {
        string arrow = column.Better switch
        {
            Better.Higher => " ↑",
            Better.Lower => " ↓",
            _ => "",
        };
        return column.Name + arrow + (chance is { } interval ? $" (random {Number(interval.Mean, "0.000")})" : "");
    }

    private static string Cell(Interval value, bool best)
    {
        string mean = Number(value.Mean, "0.000");
        return $"{(best ? $"**{mean}**" : mean)} [{Number(value.Lower, "0.000")}, {Number(value.Upper, "0.000")}]";
    }

    private static string Number(double value, string format) => double.IsNaN(value) ? "-" : value.ToString(format, CultureInfo.InvariantCulture);
}
