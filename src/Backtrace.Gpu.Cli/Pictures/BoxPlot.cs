using Backtrace.Gpu.Cli.Pages;

namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>
/// How some numbers spread, a row for each group, as SVG: the box holds the middle half, its line is the median, the whiskers reach from 5 to 95 %, the dot
/// is the mean.
/// </summary>
internal static class BoxPlot
{
    private const int RowHeight = 22, NameWidth = 232, Width = 560, Right = 16;

    /// <summary>The plot for use inside a page.</summary>
    /// <param name="groups">Names and numbers; NaN is left out.</param>
    /// <param name="title">What the numbers are.</param>
    /// <param name="reference">Name of the group whose mean is drawn through all rows; null for none.</param>
    internal static Markup Inline(IReadOnlyList<(string Name, double[] Values)> groups, string title, string? reference)
    {
        double[][] sorted = [.. groups.Select(group => group.Values.Where(double.IsFinite).Order().ToArray())];
        Axis axis = Axis.Over(sorted.Where(values => values.Length > 0).SelectMany(values => new[] { Quantile(values, 0.05), Quantile(values, 0.95), values.Average() }), NameWidth, Width - Right);
        int bottom = groups.Count * RowHeight + 4;
        double[]? line = groups.Index().Where(group => group.Item.Name == reference && sorted[group.Index].Length > 0).Select(group => sorted[group.Index]).FirstOrDefault();
        return $"""
            <svg class="bars" viewBox="0 0 {Width} {bottom + 22}" role="img" aria-label="{title}">
            {axis.Ticks(6).Select(tick => (Markup)$"""<line x1="{axis.At(tick.Value)}" y1="0" x2="{axis.At(tick.Value)}" y2="{bottom}" stroke="currentColor" opacity=".13"/><text x="{axis.At(tick.Value)}" y="{bottom + 16}" text-anchor="middle" font-size="11.5" fill="currentColor" opacity=".75">{tick.Text}</text>""")}
            {(line is null ? Markup.Empty : $"""<line x1="{axis.At(line.Average())}" y1="0" x2="{axis.At(line.Average())}" y2="{bottom}" stroke="currentColor" opacity=".55" stroke-dasharray="4 3"/>""")}
            {groups.Select((group, k) => Row(group.Name, sorted[k], k * RowHeight + 2, axis))}
            </svg>
            """;
    }

    private static Markup Row(string name, double[] values, int y, Axis axis)
    {
        Markup label = $"""<text x="{NameWidth - 10}" y="{y + 15}" text-anchor="end" font-size="12" fill="currentColor">{name}</text>""";
        if (values.Length == 0)
            return $"""{label}<text x="{NameWidth}" y="{y + 15}" font-size="12" fill="currentColor" opacity=".6">not defined</text>""";
        double middle = y + RowHeight / 2.0 - 1, from = axis.At(Quantile(values, 0.25)), to = axis.At(Quantile(values, 0.75)), median = axis.At(Quantile(values, 0.5));
        return $"""
            {label}<line x1="{axis.At(Quantile(values, 0.05))}" y1="{middle}" x2="{axis.At(Quantile(values, 0.95))}" y2="{middle}" stroke="currentColor" opacity=".5"/>
            <rect x="{from}" y="{middle - 6}" width="{Math.Max(1, to - from)}" height="12" rx="2" fill="{BarChart.Negative}" fill-opacity=".45" stroke="{BarChart.Negative}"/>
            <line x1="{median}" y1="{middle - 6}" x2="{median}" y2="{middle + 6}" stroke="currentColor" stroke-width="2"/>
            <circle cx="{axis.At(values.Average())}" cy="{middle}" r="3" fill="{BarChart.Positive}"/>
            """;
    }

    private static double Quantile(double[] sorted, double share)
    {
        double place = share * (sorted.Length - 1);
        int below = (int)place;
        return below + 1 == sorted.Length ? sorted[below] : sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]);
    }
}
