using Backtrace.Gpu.Cli.Pages;

namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>A picture and its heat maps side by side, each with its scale in numbers, as one SVG file.</summary>
internal static class HeatMapFile
{
    private const int Side = 320, Margin = 20, Top = 64;

    internal static string Svg(IReadOnlyList<Panel> panels, double aspect, string title, string subtitle)
    {
        int height = (int)(Side * aspect), width = panels.Count * (Side + Margin) + Margin, bottom = Top + height;
        Markup svg = $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 84}" width="{width}" height="{bottom + 84}" font-family="system-ui, sans-serif" fill="#1c1e21">
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text x="{Margin}" y="28" font-size="17" font-weight="600">{title}</text>
            <text x="{Margin}" y="48" font-size="13" fill="#667">{subtitle}</text>
            {panels.Select((panel, k) => One(panel, k, Margin + k * (Side + Margin), height))}
            <text x="{Margin}" y="{bottom + 72}" font-size="12" fill="#667">Relevance per pixel, in shares of the whole</text>
            </svg>

            """;
        return svg.ToString();
    }

    private static Markup One(Panel panel, int index, int left, int height)
    {
        int bottom = Top + height;
        Markup picture = $"""
            <image x="{left}" y="{Top}" width="{Side}" height="{height}" style="image-rendering:pixelated" href="{Png.Uri(panel.Png)}"/>
            <text x="{left}" y="{bottom + 18}" font-size="13" font-weight="600">{panel.Title}</text>
            """;
        if (panel.Map is not { } map)
            return picture;
        string[] labels = Scale.Labels(map);
        return $"""
            {picture}<defs><linearGradient id="scale{index}">{Scale.SvgStops(map.Map)}</linearGradient></defs>
            <rect x="{left}" y="{bottom + 26}" width="{Side}" height="10" fill="url(#scale{index})"/>
            <g font-size="12" fill="#445"><text x="{left}" y="{bottom + 50}">{labels[0]}</text><text x="{left + Side / 2}" y="{bottom + 50}" text-anchor="middle">{labels[1]}</text><text x="{left + Side}" y="{bottom + 50}" text-anchor="end">{labels[2]}</text></g>
            """;
    }
}
