namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>Values to colours. Equal steps of a value are equal steps of lightness, so that no edge is seen where the values have none.</summary>
internal sealed class ColourMap
{
    private const int Steps = 512;
    private readonly Rgb[] table = new Rgb[Steps + 1];

    private ColourMap(bool diverging, bool light, Func<double, Lab> colour)
    {
        IsDiverging = diverging;
        IsLight = light;
        for (int k = 0; k <= Steps; k++)
            table[k] = colour((double)k / Steps).ToRgb();
    }

    /// <summary>For values from 0 up: near black over violet and orange to light yellow.</summary>
    internal static ColourMap Sequential { get; } = new(false, false, t => Lab.FromHue(5 + 90 * t, 8 + 14 * t + 60 * Math.Sin(Math.PI * Math.Pow(t, 0.95)), -55 + 150 * t));

    /// <summary>For values of both signs: blue below zero, nearly white at zero, orange above; people of any colour vision tell the two apart.</summary>
    internal static ColourMap Diverging { get; } = new(true, true, t => Side(Math.Abs(2 * t - 1), t >= 0.5));

    /// <summary>The upper half of <see cref="Diverging"/>, for what supports an answer.</summary>
    internal static ColourMap Supporting { get; } = new(false, true, t => Side(t, true));

    /// <summary>The lower half of <see cref="Diverging"/>, for what opposes an answer.</summary>
    internal static ColourMap Opposing { get; } = new(false, true, t => Side(t, false));

    /// <summary>True when 0.5 stands for zero.</summary>
    internal bool IsDiverging { get; }

    /// <summary>True when zero is nearly white, and black otherwise.</summary>
    internal bool IsLight { get; }

    /// <summary>The map that shows all of the values: diverging only where a negative one counts.</summary>
    internal static ColourMap For(ReadOnlySpan<float> values)
    {
        float least = 0, most = 0;
        foreach (float value in values)
            (least, most) = (Math.Min(least, value), Math.Max(most, value));
        return -least > 1e-4f * most ? Diverging : Sequential;
    }

    /// <summary>The colour at a place between 0 and 1.</summary>
    internal Rgb At(double place) => table[(int)Math.Round(Steps * Math.Clamp(double.IsNaN(place) ? 0 : place, 0, 1))];

    private static Lab Side(double size, bool above) => Lab.FromHue(97 - 60 * size, 90 * size, above ? 50 : 275);

    /// <summary>The place of a value on a scale that ends at <paramref name="limit"/>.</summary>
    internal double Place(double value, double limit) => limit <= 0 ? (IsDiverging ? 0.5 : 0) : IsDiverging ? 0.5 + value / limit / 2 : value / limit;
}
