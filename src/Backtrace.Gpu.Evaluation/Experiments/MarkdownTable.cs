using System.Globalization;
using System.Text;

namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>The summary of an experiment as a table in Markdown: a line per method, with mean and 95 % interval, and the random explainer's score in the head.</summary>
public static class MarkdownTable
{
    /// <summary>Fewest inputs that can show a difference beyond chance: n inputs agree in its sign by chance with 2^(1 - n), which is above 1 in 20 for fewer.</summary>
    public const int Fewest = 6;

    /// <summary>Writes the table.</summary>
    /// <param name="result">What was measured.</param>
    /// <param name="random">Name of the method whose scores stand in the head, beside the metrics; null for none.</param>
    public static string Of(ExperimentResult result, string? random)
    {
        Summary? chance = result.Summaries.FirstOrDefault(summary => summary.Method == random);
        StringBuilder text = new();
        Line(text, ["method", .. result.Columns.Select((column, k) => Head(column, chance?.Values[k], Format(result, k))), "ms", "MB"]);
        Line(text, ["---", .. Enumerable.Repeat("---:", result.Columns.Count + 2)]);
        double[] best = [.. result.Columns.Select((column, k) => Best(column, result.Summaries.Where(summary => summary != chance).Select(summary => summary.Values[k])))];
        foreach (Summary summary in result.Summaries)
        {
            Line(text,
            [
                summary.Method,
                .. summary.Values.Select((value, k) => Cell(value, summary != chance && value.Missing == 0 && value.Mean == best[k], Format(result, k))),
                Number(summary.Seconds * 1e3, "0.0"),
                Number(summary.PeakBytes / (1 << 20), "0.0"),
            ]);
        }

        return text.ToString();
    }

    /// <summary>
    /// Each method less a reference, input by input: mean and 95 % interval of the paired differences. Bold where the interval excludes 0 and the method is better,
    /// on at least <see cref="Fewest"/> inputs.
    /// </summary>
    /// <param name="result">What was measured.</param>
    /// <param name="reference">Name of the method to compare with.</param>
    public static string Differences(ExperimentResult result, string reference)
    {
        ILookup<string, Outcome> byMethod = result.Outcomes.ToLookup(outcome => outcome.Method);
        StringBuilder text = new();
        (Column Column, int Index)[] columns = [.. result.Columns.Select((column, k) => (column, k)).Where(pair => pair.column.Better != Better.Neither)];
        Line(text, [$"less {reference}", .. columns.Select(pair => Head(pair.Column, null, ""))]);
        Line(text, ["---", .. Enumerable.Repeat("---:", columns.Length)]);
        foreach (string method in result.Methods.Where(method => method != reference))
        {
            Line(text,
            [
                method,
                .. columns.Select(pair =>
                {
                    Interval difference = Bootstrap.Difference([.. byMethod[method].Select(o => o.Values[pair.Index])], [.. byMethod[reference].Select(o => o.Values[pair.Index])]);
                    return Cell(difference, difference.Missing == 0 && difference.Count >= Fewest && difference.ExcludesZero && difference.Mean > 0 == (pair.Column.Better == Better.Higher), Format(result, pair.Index));
                }),
            ]);
        }

        return text.ToString();
    }

    /// <summary>The best of some means; NaN where none is. A mean over a part of the inputs, because others gave NaN, does not compete.</summary>
    public static double Best(Column column, IEnumerable<Interval> values)
    {
        IEnumerable<double> known = values.Where(value => value.Missing == 0 && !double.IsNaN(value.Mean)).Select(value => value.Mean).DefaultIfEmpty(double.NaN);
        return column.Better switch
        {
            Better.Higher => known.Max(),
            Better.Lower => known.Min(),
            _ => double.NaN,
        };
    }

    /// <summary>How the numbers of a column are written: with three decimals, more where all of them are small.</summary>
    /// <param name="result">What was measured.</param>
    /// <param name="column">Number of the column.</param>
    public static string Format(ExperimentResult result, int column)
    {
        double largest = result.Summaries.Select(summary => Math.Abs(summary.Values[column].Mean)).Where(mean => mean > 0 && double.IsFinite(mean)).DefaultIfEmpty(1).Max();
        return "0." + new string('0', Math.Clamp(2 - (int)Math.Floor(Math.Log10(largest)), 3, 9));
    }

    private static void Line(StringBuilder text, IEnumerable<string> cells) =>
        text.Append("| ").AppendJoin(" | ", cells.Select(cell => cell.Replace("|", "\\|", StringComparison.Ordinal))).Append(" |\n");

    private static string Head(Column column, Interval? chance, string format)
    {
        string arrow = column.Better switch
        {
            Better.Higher => " ↑",
            Better.Lower => " ↓",
            _ => "",
        };
        return column.Name + arrow + (chance is { } interval && column.HasChance ? $" (random {Number(interval.Mean, format)})" : "");
    }

    private static string Cell(Interval value, bool best, string format)
    {
        string mean = Number(value.Mean, format);
        string part = value.Missing > 0 ? $" ({value.Count} of {value.Count + value.Missing})" : "";
        return $"{(best ? $"**{mean}**" : mean)} [{Number(value.Lower, format)}, {Number(value.Upper, format)}]{part}";
    }

    private static string Number(double value, string format) => double.IsNaN(value) ? "-" : value.ToString(format, CultureInfo.InvariantCulture);
}
