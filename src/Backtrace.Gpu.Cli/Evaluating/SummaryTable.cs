using System.Globalization;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Evaluation.Experiments;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>Means and intervals of all methods as a table of a page.</summary>
internal static class SummaryTable
{
    internal static Markup Of(ExperimentResult result)
    {
        Summary[] rivals = [.. result.Summaries.Where(summary => summary.Method != EvaluateText.Random)];
        double[] best = [.. result.Columns.Select((column, k) => MarkdownTable.Best(column, rivals.Select(summary => summary.Values[k])))];
        string[] formats = [.. result.Columns.Select((_, k) => MarkdownTable.Format(result, k))];
        return $"""
            <div class="scroll"><table class="summary">
            <tr><th>Method</th>{result.Columns.Select(column => (Markup)$"""<th>{column.Name}{Arrow(column.Better)}</th>""")}<th>Time</th><th>Memory</th></tr>
            {result.Summaries.Select(summary => Row(summary, best, formats))}
            </table></div>
            """;
    }

    private static Markup Row(Summary summary, double[] best, string[] formats)
    {
        bool chance = summary.Method == EvaluateText.Random;
        return $"""
            <tr{(chance ? (Markup)$""" class="chance" """ : Markup.Empty)}><td>{summary.Method}</td>{summary.Values.Select((value, k) => Cell(value, !chance && value.Missing == 0 && value.Mean == best[k], formats[k]))}<td>{Numbers.Duration(summary.Seconds)}</td><td>{(double.IsNaN(summary.PeakBytes) ? "\u2013" : Numbers.Bytes((long)summary.PeakBytes))}</td></tr>
            """;
    }

    private static Markup Cell(Interval value, bool best, string format)
    {
        if (double.IsNaN(value.Mean))
            return $"<td>{Text(value.Mean, format)}</td>";
        Markup mean = best ? (Markup)$"<b>{Text(value.Mean, format)}</b>" : $"{Text(value.Mean, format)}";
        return $"""<td>{mean}<small>{Text(value.Lower, format)} … {Text(value.Upper, format)}{(value.Missing > 0 ? $", {value.Count} of {value.Count + value.Missing}" : "")}</small></td>""";
    }

    private static string Arrow(Better better) => better switch
    {
        Better.Higher => "\u00a0\u2191",
        Better.Lower => "\u00a0\u2193",
        _ => "",
    };

    private static string Text(double value, string format) => double.IsNaN(value) ? "\u2013" : value.ToString(Math.Abs(value) >= 100 ? "0.0" : format, CultureInfo.InvariantCulture).Replace('-', '\u2212');
}
