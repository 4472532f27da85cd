namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Entropy of |a| / Σ|a| over features, in nats (Bhatt et al. 2020, arXiv 2005.00631). Small where few features carry the explanation; four equal
/// attributions have log 4 = 1.386294. As Quantus' <c>Complexity</c>, over features instead of entries. NaN where all attributions are 0.
/// </summary>
public sealed class Complexity : Metric
{
    /// <inheritdoc/>
    public override string Name => "Complexity";

    /// <inheritdoc/>
    public override Better Better => Better.Lower;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default) =>
        [.. Attributions.PerFeature(measurement).Select(Entropy)];

    private static double Entropy(double[] attributions)
    {
        double total = attributions.Sum(Math.Abs), entropy = 0;
        foreach (double attribution in attributions)
        {
            double share = Math.Abs(attribution) / total;
            if (share != 0)
                entropy -= share * Math.Log(share);
        }

        return total == 0 ? double.NaN : entropy;
    }
}
