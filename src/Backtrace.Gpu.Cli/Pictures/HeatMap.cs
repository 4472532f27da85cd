namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>Relevance per pixel and the scale on which it is shown.</summary>
internal sealed class HeatMap
{
    // A few extreme pixels would leave the rest of the picture dark.
    private const double ShownShare = 0.995;
    private readonly byte[] picture;

    /// <summary>Adds up the channels of a sample.</summary>
    /// <param name="relevance">[channels, height, width].</param>
    /// <param name="rgb">The picture, height x width x 3.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="height">Height in pixels.</param>
    internal HeatMap(ReadOnlySpan<float> relevance, ReadOnlySpan<byte> rgb, int width, int height)
    {
        Width = width;
        Height = height;
        picture = rgb.ToArray();
        Values = new float[width * height];
        for (int k = 0; k < relevance.Length; k++)
            Values[k % Values.Length] += relevance[k];
        Map = ColourMap.For(Values);
        (Limit, IsClipped) = LimitOf(Values);
    }

    private HeatMap(HeatMap other, ColourMap map, float limit, bool clipped)
    {
        (Width, Height, picture, Values) = (other.Width, other.Height, other.picture, other.Values);
        (Map, Limit, IsClipped) = (map, limit, clipped);
    }

    /// <summary>Supporting and opposing relevance on one scale, each in its colour, and their difference in both.</summary>
    internal static (HeatMap Supporting, HeatMap Opposing, HeatMap Difference) Contrast(ReadOnlySpan<float> supporting, ReadOnlySpan<float> opposing, ReadOnlySpan<byte> rgb, int width, int height)
    {
        HeatMap positive = new(supporting, rgb, width, height), negative = new(opposing, rgb, width, height);
        HeatMap difference = new([.. positive.Values.Zip(negative.Values, (a, b) => a - b)], rgb, width, height);
        (float limit, bool clipped) = LimitOf([.. positive.Values, .. negative.Values]);
        (float largest, bool clippedDifference) = LimitOf(difference.Values);
        return (new HeatMap(positive, ColourMap.Supporting, limit, clipped), new HeatMap(negative, ColourMap.Opposing, limit, clipped), new HeatMap(difference, ColourMap.Diverging, largest, clippedDifference));
    }

    internal int Width { get; }

    internal int Height { get; }

    /// <summary>Relevance of each pixel, row by row.</summary>
    internal float[] Values { get; }

    internal ColourMap Map { get; }

    /// <summary>The end of the scale.</summary>
    internal float Limit { get; }

    /// <summary>True when a few pixels are beyond the end of the scale.</summary>
    internal bool IsClipped { get; }

    /// <summary>The picture alone, as PNG, one file pixel per pixel times <paramref name="zoom"/>.</summary>
    internal byte[] PicturePng(int zoom = 1) => Png.Encode(Width, Height, zoom, Pixel);

    /// <summary>The relevance over a faint grey version of the picture, as PNG.</summary>
    internal byte[] OverlayPng(int zoom = 1) => Png.Encode(Width, Height, zoom, Overlay);

    /// <summary>The picture with other colours, as PNG.</summary>
    internal byte[] Paint(Func<int, Rgb, Rgb> colour) => Png.Encode(Width, Height, 1, k => colour(k, Pixel(k)));

    /// <summary>How much pixels are enlarged in files that people open by themselves.</summary>
    internal int FileZoom => Math.Max(1, 384 / Math.Max(Width, Height));

    private static (float Limit, bool IsClipped) LimitOf(float[] values)
    {
        float[] sizes = [.. values.Select(Math.Abs).Order()];
        float limit = sizes[(int)(ShownShare * (sizes.Length - 1))];
        return limit == 0 ? (sizes[^1], false) : (limit, sizes[^1] > limit);
    }

    private Rgb Pixel(int k) => new(picture[3 * k], picture[3 * k + 1], picture[3 * k + 2]);

    private Rgb Overlay(int k)
    {
        double place = Map.Place(Values[k], Limit);
        double size = Math.Clamp(Map.IsDiverging ? Math.Abs(2 * place - 1) : place, 0, 1);
        double luma = Pixel(k).Luma;
        Rgb ground = Rgb.Grey(Map.IsLight ? 0.55 + 0.42 * luma : 0.04 + 0.42 * luma);
        return Rgb.Mix(ground, Map.At(place), Math.Sqrt(size));
    }
}
