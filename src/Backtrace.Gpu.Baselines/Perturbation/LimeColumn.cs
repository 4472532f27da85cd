namespace Backtrace.Gpu.Baselines;

/// <summary>A column of training data in bins between its quartiles, as lime's QuartileDiscretizer makes them.</summary>
internal sealed class LimeColumn
{
    private const int Attempts = 1000;

    private readonly double[] quartiles; // those that differ
    private readonly double[] lowest, highest, means, deviations, until; // of the bins; until: cumulative frequency

    /// <param name="values">At least one.</param>
    internal LimeColumn(IEnumerable<float> values)
    {
        double[] sorted = [.. values.Select(v => (double)v).Order()];
        quartiles = [.. Enumerable.Range(1, 3).Select(k => Quantile(sorted, k / 4.0)).Distinct()];
        lowest = [sorted[0], .. quartiles];
        highest = [.. quartiles, sorted[^1]];
        (means, deviations, until) = (new double[lowest.Length], new double[lowest.Length], new double[lowest.Length]);
        ILookup<int, double> bins = sorted.ToLookup(Bin);
        for (int bin = 0; bin < lowest.Length; bin++)
        {
            double[] inside = [.. bins[bin]];
            until[bin] = (double)inside.Length / sorted.Length + (bin == 0 ? 0 : until[bin - 1]);
            if (inside.Length > 0)
            {
                means[bin] = inside.Average();
                deviations[bin] = Math.Sqrt(inside.Average(v => (v - means[bin]) * (v - means[bin])));
            }
        }
    }

    /// <summary>Number of a value's bin: how many quartiles lie below it.</summary>
    internal int Bin(double value) => quartiles.Count(q => q < value);

    /// <summary>A bin, as often as in the training data.</summary>
    internal int DrawBin(Random random)
    {
        double at = random.NextDouble() * until[^1];
        return Array.FindIndex(until, u => at < u);
    }

    /// <summary>A value in a bin: normal with the mean and deviation of its training values, cut off at its limits.</summary>
    internal double Draw(int bin, Random random)
    {
        for (int attempt = 0; attempt < Attempts && deviations[bin] > 0; attempt++)
        {
            double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            double value = means[bin] + deviations[bin] * normal;
            if (value >= lowest[bin] && value <= highest[bin])
                return value;
        }

        return Math.Clamp(means[bin], lowest[bin], highest[bin]); // all values are equal, up to rounding
    }

    // Between neighbours in proportion, as NumPy's percentile does.
    private static double Quantile(double[] sorted, double p)
    {
        double at = p * (sorted.Length - 1);
        int below = (int)at;
        return below + 1 < sorted.Length ? sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]) : sorted[below];
    }
}
