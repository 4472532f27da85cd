using Backtrace.Gpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Percentile bootstrap over samples (Efron 1979): samples are drawn with replacement, and the ends of the interval are percentiles of the means. Seeded.
/// </summary>
public static class Bootstrap
{
    // Most drawn numbers at a time, 8 bytes each.
    private const long Block = 1 << 21;

    /// <summary>Interval of the mean; NaN are left out and counted.</summary>
    /// <param name="values">One number per sample.</param>
    /// <param name="seed">The same seed draws the same samples.</param>
    /// <param name="resamples">How often samples are drawn.</param>
    /// <param name="confidence">Share of the means that lie inside.</param>
    /// <exception cref="ArgumentException">There is no resample, or the confidence is not between 0 and 1.</exception>
    public static Interval Mean(IReadOnlyList<double> values, int seed = 0, int resamples = 10_000, double confidence = 0.95)
    {
        if (resamples < 1 || confidence is not (> 0 and < 1))
            throw new ArgumentException("A bootstrap takes at least one resample and a confidence between 0 and 1.");
        double[] present = [.. values.Where(v => !double.IsNaN(v))];
        int missing = values.Count - present.Length;
        if (present.Length == 0)
            return new Interval(double.NaN, double.NaN, double.NaN, 0, missing);
        double[] means = Means(present, seed, resamples);
        Array.Sort(means);
        return new Interval(present.Average(), Quantile(means, (1 - confidence) / 2), Quantile(means, (1 + confidence) / 2), present.Length, missing);
    }

    /// <summary>
    /// Interval of the mean of <paramref name="first"/> less <paramref name="second"/>, which belong to the same samples in the same order. Samples where one of
    /// the two is NaN are left out. Where the interval excludes 0, one method is ahead.
    /// </summary>
    /// <exception cref="ArgumentException">The lengths differ, there is no resample, or the confidence is not between 0 and 1.</exception>
    public static Interval Difference(IReadOnlyList<double> first, IReadOnlyList<double> second, int seed = 0, int resamples = 10_000, double confidence = 0.95)
    {
        if (first.Count != second.Count)
            throw new ArgumentException($"{Counted.Of(first.Count, "number")} cannot be paired with {second.Count}: both methods explain the same samples.", nameof(second));
        return Mean([.. first.Zip(second, (a, b) => a - b)], seed, resamples, confidence);
    }

    private static double[] Means(double[] values, int seed, int resamples)
    {
        using Generator generator = new((ulong)seed);
        using Tensor of = tensor(values, float64);
        List<double> means = [];
        int rows = (int)Math.Clamp(Block / values.Length, 1, resamples);
        for (int done = 0; done < resamples; done += rows)
        {
            using DisposeScope scope = NewDisposeScope();
            long[] shape = [Math.Min(rows, resamples - done), values.Length];
            Tensor drawn = of.index_select(0, randint(0, values.Length, shape, int64, generator: generator).view(-1));
            means.AddRange(drawn.view(shape).mean([1]).data<double>());
        }

        return [.. means];
    }

    // Linear between the two nearest, as NumPy does it.
    private static double Quantile(double[] sorted, double share)
    {
        double place = share * (sorted.Length - 1);
        int below = (int)place;
        return below + 1 == sorted.Length ? sorted[below] : sorted[below] + ((place - below) * (sorted[below + 1] - sorted[below]));
    }
}
