using Backtrace.Gpu.Cli.Pages;

namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>Horizontal bars with names and numbers, as SVG. Colours of text come from the page, or from the file when it stands alone.</summary>
internal static class BarChart
{
    private const int RowHeight = 24, NameWidth = 230, BarWidth = 250, ValueWidth = 70, Width = NameWidth + BarWidth + ValueWidth;
    private static readonly Rgb Positive = new(0xd9, 0x5f, 0x1e), Negative = new(0x2f, 0x6f, 0xc9);

    /// <summary>The chart for use inside a page.</summary>
    internal static Markup Inline(IReadOnlyList<Bar> bars, string title) =>
        $"""<svg class="bars" viewBox="0 0 {Width} {bars.Count * RowHeight + 4}" role="img" aria-label="{title}">{Rows(bars)}</svg>""";

    /// <summary>The chart as a file of its own.</summary>
    internal static string File(IReadOnlyList<Bar> bars, string title, string subtitle)
    {
        int height = 64 + bars.Count * RowHeight + 12;
        Markup svg = $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width + 32} {height}" width="{Width + 32}" height="{height}" font-family="system-ui, sans-serif" color="#1c1e21">
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text x="16" y="26" font-size="16" font-weight="600">{title}</text>
            <text x="16" y="46" font-size="12" fill="#667">{subtitle}</text>
            <g transform="translate(16 58)">{Rows(bars)}</g>
            </svg>

            """;
        return svg.ToString();
    }

    private static Markup Rows(IReadOnlyList<Bar> bars)
    {
        double most = Math.Max(bars.Select(bar => bar.Value).Append(0).Max(), 0), least = Math.Min(bars.Select(bar => bar.Value).Append(0).Min(), 0);
        double scale = most > least ? BarWidth / (most - least) : 0;
        double zero = NameWidth - least * scale;
        return Markup.Join(bars.Select((bar, k) => Row(bar, k * RowHeight, zero, scale)));
    }

    private static Markup Row(Bar bar, int y, double zero, double scale)
    {
        double length = Math.Max(Math.Abs(bar.Value) * scale, 0.5), left = bar.Value < 0 ? zero - length : zero, right = Math.Max(zero, zero + bar.Value * scale);
        Markup detail = bar.Detail is null ? Markup.Empty : $"""<tspan opacity=".62"> {bar.Detail}</tspan>""";
        return $"""
            <text x="{NameWidth - 10}" y="{y + 17}" text-anchor="end" font-size="13" fill="currentColor">{bar.Name}{detail}</text><rect x="{left}" y="{y + 4}" width="{length}" height="{RowHeight - 7}" rx="2" fill="{(bar.Value < 0 ? Negative : Positive)}"/><text x="{right + 7}" y="{y + 17}" font-size="12" fill="currentColor" opacity=".8">{Numbers.Percent(bar.Value)}</text>
            """;
    }
}
