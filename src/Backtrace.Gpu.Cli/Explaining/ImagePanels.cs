using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The pictures that show one explained image side by side.</summary>
internal static class ImagePanels
{
    private static readonly Rgb Marked = new(0x2b, 0xb3, 0xc0);

    /// <summary>The image, its segmentation if it has one, and its relevance; in contrastive mode both kinds and their difference. The last one says most.</summary>
    internal static IReadOnlyList<Panel> Of(ImageInput image, Explained e)
    {
        ReadOnlySpan<byte> rgb = image.Rgb.Span;
        HeatMap map = new(e.Relevance, rgb, image.Width, image.Height);
        List<Panel> panels = [new("picture", map.PicturePng(), null)];
        if (e.Mask is { } mask)
        {
            panels.Add(new("mask", map.Paint((k, _) => mask[k] ? new Rgb(255, 255, 255) : default), null));
            panels.Add(new("mask over the picture", map.Paint((k, pixel) => mask[k] ? Rgb.Mix(pixel, Marked, 0.72) : pixel), null));
        }

        if (e.Opposing is null)
            return [.. panels, new("relevance", map.OverlayPng(), map)];
        (HeatMap supporting, HeatMap opposing, HeatMap difference) = HeatMap.Contrast(e.Relevance, e.Opposing.Relevance, rgb, image.Width, image.Height);
        return [.. panels, new("supports", supporting.OverlayPng(), supporting), new("opposes", opposing.OverlayPng(), opposing), new("difference", difference.OverlayPng(), difference)];
    }
}
