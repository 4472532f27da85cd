using Backtrace.Gpu.Cli.Pages;

namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>A picture, its heat map and the scale with numbers side by side, as one SVG file.</summary>
internal static class HeatMapFile
{
    private const int Side = 320, Margin = 20, Top = 64;

    internal static string Svg(HeatMap map, string title, string subtitle)
    {
        int height = Side * map.Height / map.Width, width = 2 * Side + 3 * Margin, right = Side + 2 * Margin, bottom = Top + height;
        string[] labels = Scale.Labels(map);
        Markup svg = $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 62}" width="{width}" height="{bottom + 62}" font-family="system-ui, sans-serif" fill="#1c1e21">
            <defs><linearGradient id="scale">{Scale.SvgStops(map.Map)}</linearGradient></defs>
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text x="{Margin}" y="28" font-size="17" font-weight="600">{title}</text>
            <text x="{Margin}" y="48" font-size="13" fill="#667">{subtitle}</text>
            <image x="{Margin}" y="{Top}" width="{Side}" height="{height}" style="image-rendering:pixelated" href="{Png.Uri(map.PicturePng())}"/>
            <image x="{right}" y="{Top}" width="{Side}" height="{height}" style="image-rendering:pixelated" href="{Png.Uri(map.OverlayPng())}"/>
            <rect x="{right}" y="{bottom + 12}" width="{Side}" height="10" fill="url(#scale)"/>
            <g font-size="12" fill="#445"><text x="{right}" y="{bottom + 38}">{labels[0]}</text><text x="{right + Side / 2}" y="{bottom + 38}" text-anchor="middle">{labels[1]}</text><text x="{right + Side}" y="{bottom + 38}" text-anchor="end">{labels[2]}</text></g>
            <text x="{Margin}" y="{bottom + 22}" font-size="12" fill="#667">Relevance per pixel, in shares of the whole</text>
            </svg>

            """;
        return svg.ToString();
    }
}
