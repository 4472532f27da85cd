using System.Globalization;

namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>An axis of a plot: from values to pixels, with a few round numbers on it.</summary>
/// <param name="Low">Value at the first pixel.</param>
/// <param name="High">Value at the last pixel.</param>
/// <param name="First">First pixel.</param>
/// <param name="Last">Last pixel; may be the smaller one.</param>
internal readonly record struct Axis(double Low, double High, double First, double Last)
{
    /// <summary>An axis that shows all values, a little room at both ends.</summary>
    internal static Axis Over(IEnumerable<double> values, double first, double last)
    {
        double[] known = [.. values.Where(double.IsFinite)];
        (double low, double high) = known.Length == 0 ? (0, 1) : (known.Min(), known.Max());
        double room = high > low ? 0.03 * (high - low) : Math.Max(1e-9, Math.Abs(high) * 0.1);
        return new Axis(low - room, high + room, first, last);
    }

    /// <summary>Where a value stands; values beyond the ends stand at them.</summary>
    internal double At(double value) => First + (Last - First) * Math.Clamp((value - Low) / (High - Low), 0, 1);

    /// <summary>Round numbers on the axis with their text.</summary>
    internal IEnumerable<(double Value, string Text)> Ticks(int most)
    {
        double raw = (High - Low) / most, power = Math.Pow(10, Math.Floor(Math.Log10(raw))), part = raw / power;
        double step = power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
        string format = step >= 1 ? "0" : "0." + new string('0', (int)Math.Ceiling(-Math.Log10(step) - 1e-9));
        for (double k = Math.Ceiling(Low / step - 1e-9) + 0.0; k * step <= High + 1e-9 * step; k++)
            yield return (k * step, (k * step).ToString(format, CultureInfo.InvariantCulture).Replace('-', '\u2212'));
    }
}
