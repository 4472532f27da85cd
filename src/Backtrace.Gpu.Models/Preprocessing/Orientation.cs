using System.Runtime.InteropServices;
using SkiaSharp;

namespace Backtrace.Gpu.Models;

/// <summary>Turns photographs upright: cameras store what the sensor saw and note in EXIF how it was held.</summary>
internal static class Orientation
{
    /// <summary>The picture as people see it; disposes what it was stored as, unless that is the same.</summary>
    internal static SKBitmap Upright(SKBitmap stored, SKEncodedOrigin origin)
    {
        if (origin is not (> SKEncodedOrigin.TopLeft and <= SKEncodedOrigin.LeftBottom))
            return stored;
        using SKBitmap source = stored;
        int right = source.Width - 1, bottom = source.Height - 1;
        bool isTurned = origin >= SKEncodedOrigin.LeftTop;
        SKBitmap result = new(source.Info.WithSize(isTurned ? source.Height : source.Width, isTurned ? source.Width : source.Height));
        ReadOnlySpan<uint> from = MemoryMarshal.Cast<byte, uint>(source.GetPixelSpan());
        Span<uint> to = MemoryMarshal.Cast<byte, uint>(result.GetPixelSpan());
        for (int y = 0; y < result.Height; y++)
        {
            for (int x = 0; x < result.Width; x++)
            {
                // The name of an origin says where the first row and the first column belong.
                (int column, int row) = origin switch
                {
                    SKEncodedOrigin.TopRight => (right - x, y),
                    SKEncodedOrigin.BottomRight => (right - x, bottom - y),
                    SKEncodedOrigin.BottomLeft => (x, bottom - y),
                    SKEncodedOrigin.LeftTop => (y, x),
                    SKEncodedOrigin.RightTop => (y, bottom - x),
                    SKEncodedOrigin.RightBottom => (right - y, bottom - x),
                    _ => (right - y, x),
                };
                to[y * result.Width + x] = from[row * source.Width + column];
            }
        }
        return result;
    }
}
