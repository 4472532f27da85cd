namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>A mean and how sure it is.</summary>
/// <param name="Mean">Mean over the subjects for which the number is defined; NaN when there is none.</param>
/// <param name="Low">Lower end of the 95 % interval.</param>
/// <param name="High">Upper end of the 95 % interval.</param>
/// <param name="Count">Number of subjects.</param>
public readonly record struct Interval(double Mean, double Low, double High, int Count)
{
    private const int Resamples = 2000;
    private const double Tail = 0.025;

    /// <summary>
    /// Percentile bootstrap (Efron, 1979): the values are drawn anew with replacement 2,000 times, and the interval holds the middle 95 % of the means.
    /// NaN is left out.
    /// </summary>
    /// <param name="values">One number per subject.</param>
    /// <param name="seed">Seed of the draws; equal values and seeds give equal intervals.</param>
    public static Interval Of(IEnumerable<double> values, int seed = 0)
    {
        double[] known = [.. values.Where(value => !double.IsNaN(value))];
        if (known.Length == 0)
            return new Interval(double.NaN, double.NaN, double.NaN, 0);
        Random random = new(seed);
        double[] means = new double[Resamples];
        for (int k = 0; k < Resamples; k++)
        {
            for (int i = 0; i < known.Length; i++)
                means[k] += known[random.Next(known.Length)] / known.Length;
        }

        Array.Sort(means);
        return new Interval(known.Average(), means[(int)(Tail * Resamples)], means[Resamples - 1 - (int)(Tail * Resamples)], known.Length);
    }
}
