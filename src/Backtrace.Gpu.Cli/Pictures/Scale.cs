using System.Globalization;
using Backtrace.Gpu.Cli.Pages;

namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>The colour scale of a heat map, with numbers.</summary>
internal static class Scale
{
    private const int Stops = 24;

    /// <summary>The scale for use inside a page.</summary>
    internal static Markup Inline(HeatMap map)
    {
        string[] labels = Labels(map);
        return $"""<div class="scale"><i style="background:linear-gradient(90deg,{Gradient(map.Map)})"></i><span>{labels[0]}</span><span>{(map.Map.IsDiverging ? labels[1] : "")}</span><span>{labels[2]}</span></div>""";
    }

    /// <summary>Numbers at the left end, the middle and the right end; a sign at the right says when some pixels are beyond.</summary>
    internal static string[] Labels(HeatMap map)
    {
        bool both = map.Map.IsDiverging;
        return
        [
            both ? Numbers.Percent(-map.Limit) : "0",
            both ? "0" : Numbers.Percent(map.Limit / 2),
            (map.IsClipped ? "\u2265 " : "") + Numbers.Percent(map.Limit),
        ];
    }

    /// <summary>Stops of an SVG gradient.</summary>
    internal static Markup SvgStops(ColourMap map) => Markup.Join(Places.Select(place => (Markup)$"""<stop offset="{place}" stop-color="{map.At(place)}"/>"""));

    private static IEnumerable<double> Places => Enumerable.Range(0, Stops + 1).Select(k => (double)k / Stops);

    private static string Gradient(ColourMap map) =>
        string.Join(',', Places.Select(place => $"{map.At(place)} {(place * 100).ToString("0.#", CultureInfo.InvariantCulture)}%"));
}
