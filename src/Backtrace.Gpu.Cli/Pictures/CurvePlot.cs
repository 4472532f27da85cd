using System.Globalization;
using Backtrace.Gpu.Cli.Pages;

namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>Lines with bands over shares from 0 to 100 %, as SVG.</summary>
internal static class CurvePlot
{
    private const int Width = 300, Height = 190, Left = 34, Right = 10, Top = 8, Bottom = 24;

    /// <summary>The plot for use inside a page.</summary>
    /// <param name="curves">The lines; later ones are drawn above earlier ones.</param>
    /// <param name="title">What they are.</param>
    /// <param name="most">Upper end of the ordinate, which begins at 0.</param>
    internal static Markup Inline(IReadOnlyList<Curve> curves, string title, double most)
    {
        Axis x = new(0, 1, Left, Width - Right), y = new(0, most, Height - Bottom, Top);
        return $"""
            <svg class="bars" viewBox="0 0 {Width} {Height}" role="img" aria-label="{title}">
            {y.Ticks(5).Select(tick => (Markup)$"""<line x1="{Left}" y1="{y.At(tick.Value)}" x2="{Width - Right}" y2="{y.At(tick.Value)}" stroke="currentColor" opacity=".13"/><text x="{Left - 6}" y="{y.At(tick.Value) + 4}" text-anchor="end" font-size="11" fill="currentColor" opacity=".75">{tick.Text}</text>""")}
            {new[] { 0, 0.5, 1 }.Select(share => (Markup)$"""<text x="{x.At(share)}" y="{Height - 7}" text-anchor="{(share == 0 ? "start" : share == 1 ? "end" : "middle")}" font-size="11" fill="currentColor" opacity=".75">{100 * share} %</text>""")}
            {curves.Select(curve => Line(curve, x, y))}
            </svg>
            """;
    }

    private static Markup Line(Curve curve, Axis x, Axis y)
    {
        string line = Points(curve.X.Select((place, k) => (x.At(place), y.At(curve.Mean[k]))));
        if (curve.Colour is not { } colour)
            return $"""<polyline points="{line}" fill="none" stroke="currentColor" opacity=".5" stroke-width="1.3" stroke-dasharray="4 3"/>""";
        string band = Points(curve.X.Select((place, k) => (x.At(place), y.At(curve.Upper[k]))).Concat(curve.X.Select((place, k) => (x.At(place), y.At(curve.Lower[k]))).Reverse()));
        return $"""<polygon points="{band}" fill="{colour}" fill-opacity=".2"/><polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>""";
    }

    private static string Points(IEnumerable<(double X, double Y)> points) =>
        string.Join(' ', points.Select(point => string.Create(CultureInfo.InvariantCulture, $"{point.X:0.#},{point.Y:0.#}")));
}
