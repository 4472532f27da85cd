namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>A colour in CIE L*a*b* (D65), where equal steps of lightness look equal.</summary>
/// <param name="L">Lightness, 0 to 100.</param>
/// <param name="A">Green to red.</param>
/// <param name="B">Blue to yellow.</param>
internal readonly record struct Lab(double L, double A, double B)
{
    private const double WhiteX = 0.95047, WhiteZ = 1.08883, Linear = 6.0 / 29;

    /// <summary>The colour of this lightness and hue (degrees) whose chroma is the given one, or the largest that a screen can show.</summary>
    internal static Lab FromHue(double lightness, double chroma, double hue)
    {
        double low = 0, high = chroma;
        if (At(high).IsShowable)
            return At(high);
        for (int step = 0; step < 24; step++)
        {
            double middle = (low + high) / 2;
            if (At(middle).IsShowable)
                low = middle;
            else
                high = middle;
        }

        return At(low);

        Lab At(double c) => new(lightness, c * Math.Cos(hue * Math.PI / 180), c * Math.Sin(hue * Math.PI / 180));
    }

    internal static Lab FromRgb(Rgb colour)
    {
        double r = Expand(colour.R), g = Expand(colour.G), b = Expand(colour.B);
        double x = Root((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / WhiteX);
        double y = Root(0.2126729 * r + 0.7151522 * g + 0.0721750 * b);
        double z = Root((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / WhiteZ);
        return new Lab(116 * y - 16, 500 * (x - y), 200 * (y - z));
    }

    internal Rgb ToRgb()
    {
        (double r, double g, double b) = ToLinear();
        return new Rgb(Compress(r), Compress(g), Compress(b));
    }

    private bool IsShowable
    {
        get
        {
            (double r, double g, double b) = ToLinear();
            return Math.Min(r, Math.Min(g, b)) >= -1e-6 && Math.Max(r, Math.Max(g, b)) <= 1 + 1e-6;
        }
    }

    private (double R, double G, double B) ToLinear()
    {
        double fy = (L + 16) / 116;
        double x = WhiteX * Cube(fy + A / 500), y = Cube(fy), z = WhiteZ * Cube(fy - B / 200);
        return (3.2404542 * x - 1.5371385 * y - 0.4985314 * z, -0.9692660 * x + 1.8760108 * y + 0.0415560 * z, 0.0556434 * x - 0.2040259 * y + 1.0572252 * z);
    }

    private static double Cube(double t) => t > Linear ? t * t * t : 3 * Linear * Linear * (t - 4.0 / 29);

    private static double Root(double t) => t > Linear * Linear * Linear ? Math.Cbrt(t) : t / (3 * Linear * Linear) + 4.0 / 29;

    private static double Expand(byte value) => value / 255.0 is var v && v <= 0.04045 ? v / 12.92 : Math.Pow((v + 0.055) / 1.055, 2.4);

    private static byte Compress(double v)
    {
        v = Math.Clamp(v, 0, 1);
        return (byte)Math.Round(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * Math.Pow(v, 1 / 2.4) - 0.055));
    }
}
