using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Evaluation;

/// <summary>Correlation coefficients; NaN where one side is constant, holds a NaN or has fewer than two numbers.</summary>
public static class Correlation
{
    /// <summary>Pearson's, of linear relation.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static double Pearson(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        if (a.Count != b.Count)
            throw new ArgumentException($"{Counted.Of(a.Count, "number")} cannot be correlated with {b.Count}.", nameof(b));
        if (IsConstant(a) || IsConstant(b))
            return double.NaN;
        double meanA = a.Average(), meanB = b.Average(), products = 0, squaresA = 0, squaresB = 0;
        for (int i = 0; i < a.Count; i++)
        {
            double x = a[i] - meanA, y = b[i] - meanB;
            products += x * y;
            squaresA += x * x;
            squaresB += y * y;
        }

        return products / (Math.Sqrt(squaresA) * Math.Sqrt(squaresB));
    }

    /// <summary>Spearman's, of ranks: Pearson's of <see cref="Ranks"/>.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static double Spearman(IReadOnlyList<double> a, IReadOnlyList<double> b) =>
        a.Any(double.IsNaN) || b.Any(double.IsNaN) ? double.NaN : Pearson(Ranks(a), Ranks(b));

    /// <summary>Ranks from 1; equal values share the mean of theirs.</summary>
    public static double[] Ranks(IReadOnlyList<double> values)
    {
        int[] order = [.. Enumerable.Range(0, values.Count).OrderBy(i => values[i])];
        double[] ranks = new double[values.Count];
        for (int begin = 0, end; begin < order.Length; begin = end)
        {
            for (end = begin + 1; end < order.Length && values[order[end]] == values[order[begin]];)
                end++;
            for (int i = begin; i < end; i++)
                ranks[order[i]] = (begin + 1 + end) / 2.0;
        }

        return ranks;
    }

    // The mean of equal numbers can differ from them in the last bit, which would make a correlation out of rounding.
    private static bool IsConstant(IReadOnlyList<double> values) => values.All(v => v == values[0]);
}
