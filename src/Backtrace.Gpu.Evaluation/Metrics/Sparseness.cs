namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Gini index of |a| over features (Chalasani et al. 2020, arXiv 1810.06583): 0 where all are equal, near 1 where one carries all; [4, 3, 2, 1] has .25. As
/// Quantus' <c>Sparseness</c>, over features instead of entries and without its 1e-7 in the denominator. NaN where all attributions are 0.
/// </summary>
public sealed class Sparseness : Metric
{
    /// <inheritdoc/>
    public override string Name => "Sparseness";

    /// <inheritdoc/>
    public override Better Better => Better.Higher;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default) =>
        [.. Attributions.PerFeature(measurement).Select(Gini)];

    private static double Gini(double[] attributions)
    {
        double[] sorted = [.. attributions.Select(Math.Abs).Order()];
        double weighted = 0;
        for (int i = 0; i < sorted.Length; i++)
            weighted += ((2 * i) + 1 - sorted.Length) * sorted[i];
        return weighted / (sorted.Length * sorted.Sum());
    }
}
