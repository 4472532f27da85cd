using SkiaSharp;

namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>Writes pixels as PNG.</summary>
internal static class Png
{
    /// <summary>Every pixel becomes a square of <paramref name="zoom"/> by <paramref name="zoom"/>, with sharp edges.</summary>
    internal static byte[] Encode(int width, int height, int zoom, Func<int, Rgb> pixel)
    {
        using SKBitmap bitmap = new(new SKImageInfo(width * zoom, height * zoom, SKColorType.Rgba8888, SKAlphaType.Opaque));
        Span<byte> bytes = bitmap.GetPixelSpan();
        for (int y = 0; y < height; y++)
        {
            Span<byte> row = bytes.Slice(y * zoom * bitmap.RowBytes, width * zoom * 4);
            for (int x = 0; x < width * zoom; x++)
            {
                Rgb colour = pixel(y * width + x / zoom);
                (row[4 * x], row[4 * x + 1], row[4 * x + 2], row[4 * x + 3]) = (colour.R, colour.G, colour.B, 255);
            }

            for (int copy = 1; copy < zoom; copy++)
                row.CopyTo(bytes[((y * zoom + copy) * bitmap.RowBytes)..]);
        }

        using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    /// <summary>A data URI, for pages that stand alone.</summary>
    internal static string Uri(byte[] png) => "data:image/png;base64," + Convert.ToBase64String(png);
}
