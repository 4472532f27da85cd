namespace Backtrace.Gpu.Models;

/// <summary>What is done to each pixel of an 8-bit picture alone.</summary>
internal static class GreyValues
{
    /// <summary>ITU-R 601 luma of each pixel.</summary>
    internal static byte[] FromRgb(ReadOnlySpan<byte> rgb)
    {
        byte[] grey = new byte[rgb.Length / 3];
        for (int i = 0; i < grey.Length; i++)
            grey[i] = (byte)((299 * rgb[3 * i] + 587 * rgb[3 * i + 1] + 114 * rgb[3 * i + 2] + 500) / 1000);
        return grey;
    }

    /// <summary>Spreads the values over 0 to 255; a picture of one value stays as it is.</summary>
    internal static void Stretch(Span<byte> grey)
    {
        int least = 255, most = 0;
        foreach (byte value in grey)
            (least, most) = (Math.Min(least, value), Math.Max(most, value));
        if (most == least)
            return;
        for (int i = 0; i < grey.Length; i++)
            grey[i] = (byte)((grey[i] - least) * 255 / (most - least));
    }

    /// <summary>Raises values, as parts of 255, to the power 1 / gamma.</summary>
    internal static void Gamma(Span<byte> grey, double gamma)
    {
        Span<byte> table = stackalloc byte[256];
        for (int value = 0; value < 256; value++)
            table[value] = (byte)(Math.Pow(value / 255.0, 1 / gamma) * 255);
        for (int i = 0; i < grey.Length; i++)
            grey[i] = table[grey[i]];
    }
}
