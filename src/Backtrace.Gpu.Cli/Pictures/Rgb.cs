namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>An sRGB colour.</summary>
internal readonly record struct Rgb(byte R, byte G, byte B)
{
    /// <summary>The grey with the same luma.</summary>
    internal double Luma => (0.299 * R + 0.587 * G + 0.114 * B) / 255;

    internal static Rgb Grey(double value) => (byte)Math.Round(255 * Math.Clamp(value, 0, 1)) is var v ? new Rgb(v, v, v) : default;

    internal static Rgb Mix(Rgb from, Rgb to, double share) => new(Mix(from.R, to.R, share), Mix(from.G, to.G, share), Mix(from.B, to.B, share));

    /// <summary>As CSS writes it.</summary>
    public override string ToString() => $"#{R:x2}{G:x2}{B:x2}";

    private static byte Mix(byte from, byte to, double share) => (byte)Math.Round(from + (to - from) * share);
}
