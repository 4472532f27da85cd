using Backtrace.Gpu.Cli.Pages;

namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>Horizontal bars with names and numbers, as SVG. Colours of text come from the page, or from the file when it stands alone.</summary>
internal static class BarChart
{
    private const int RowHeight = 24, NameWidth = 230, ValueWidth = 74, Narrow = 230, Wide = 560;
    // In sizes of the names' font. A cell yields to the name of its column, but for its beginning.
    private const double NameSpace = (NameWidth - 14) / 13.0, LeastDetail = 4;
    internal static readonly Rgb Positive = new(0xd9, 0x5f, 0x1e), Negative = new(0x2f, 0x6f, 0xc9);

    /// <summary>The chart for use inside a page.</summary>
    internal static Markup Inline(IReadOnlyList<Bar> bars, string title, bool wide = false)
    {
        int length = wide ? Wide : Narrow, width = NameWidth + length + ValueWidth;
        return $"""<svg class="bars" style="max-width:{width + 60}px" viewBox="0 0 {width} {bars.Count * RowHeight + 4}" role="img" aria-label="{title}">{Rows(bars, length)}</svg>""";
    }

    /// <summary>The chart as a file of its own.</summary>
    internal static string File(IReadOnlyList<Bar> bars, string title, string subtitle)
    {
        int width = NameWidth + Narrow + ValueWidth + 32, height = 64 + bars.Count * RowHeight + 12;
        Markup svg = $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="system-ui, sans-serif" color="#1c1e21">
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text x="16" y="26" font-size="16" font-weight="600">{title}</text>
            <text x="16" y="46" font-size="12" fill="#667">{subtitle}</text>
            <g transform="translate(16 58)">{Rows(bars, Narrow)}</g>
            </svg>

            """;
        return svg.ToString();
    }

    private static Markup Rows(IReadOnlyList<Bar> bars, int space)
    {
        double[] drawn = [0, .. bars.Where(bar => !bar.IsRest).Select(bar => bar.Value)];
        double most = drawn.Max(), least = drawn.Min();
        double scale = most > least ? space / (most - least) : 0, zero = NameWidth - least * scale;
        return Markup.Join(bars.Select((bar, k) => Row(bar, k * RowHeight, zero, scale)));
    }

    private static Markup Row(Bar bar, int y, double zero, double scale)
    {
        double length = Math.Max(Math.Abs(bar.Value) * scale, 0.5), left = bar.Value < 0 ? zero - length : zero, right = Math.Max(zero, zero + bar.Value * scale);
        double beside = bar.IsRest ? zero : right;
        Markup mark = bar.IsRest ? Markup.Empty : $"""<rect x="{left}" y="{y + 4}" width="{length}" height="{RowHeight - 7}" rx="2" fill="{(bar.Value < 0 ? Negative : Positive)}"/>""";
        string name = Fitted.Text(bar.Name, NameSpace - (bar.Detail is null ? 0 : Math.Min(LeastDetail, Fitted.Width(bar.Detail))));
        string? cell = bar.Detail is null ? null : Fitted.Text(bar.Detail, NameSpace - Fitted.Width(name));
        Markup detail = cell is null ? Markup.Empty : $"""<tspan opacity=".62"> {cell}</tspan>""";
        Markup whole = name == bar.Name && cell == bar.Detail ? Markup.Empty : $"<title>{bar.Name}{(bar.Detail is null ? "" : $" {bar.Detail}")}</title>";
        return $"""
            <text x="{NameWidth - 10}" y="{y + 17}" text-anchor="end" font-size="13" fill="currentColor">{whole}{name}{detail}</text>{mark}<text x="{beside + 7}" y="{y + 17}" font-size="12" fill="currentColor" opacity=".8">{Numbers.Percent(bar.Value)}</text>
            """;
    }
}
