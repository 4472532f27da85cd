namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// 1 if the target's probability never falls while features are given back, the one of the smallest |attribution| first, else 0 (Arya et al. 2019, arXiv
/// 1909.03012). Defaults of Quantus' <c>Monotonicity</c>: features_in_step = 1, abs = True, probabilities; as there, the first point is the input with the
/// first feature, not the one without any. Some releases of Quantus put the baseline in place of itself, so that nothing comes back and all are monotone; here
/// features come back, as in the paper's library AIX360, which orders them by attributions with their sign. A fall within a millionth of the probability is rounding and does not count. NaN where attributions are NaN.
/// </summary>
public sealed class Monotonicity : Metric
{
    /// <summary>Features that are given back together.</summary>
    public int FeaturesPerStep { get; init; } = 1;

    /// <summary>Most inputs in one forward pass.</summary>
    public int MaximumBatch { get; init; } = 256;

    /// <inheritdoc/>
    public override string Name => "Monotonicity";

    /// <inheritdoc/>
    public override Better Better => Better.Higher;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default)
    {
        CurveOptions options = new()
        {
            Order = FeatureOrder.LeastRelevantFirst,
            Absolute = true,
            Restore = true,
            FeaturesPerStep = FeaturesPerStep,
            MaximumBatch = MaximumBatch,
        };
        return [.. PerturbationCurve.Measure(measurement, options, cancellation).Values.Select(IsMonotone)];
    }

    private static double IsMonotone(double[] values)
    {
        if (double.IsNaN(values[0]))
            return double.NaN;
        return values.Skip(2).Zip(values.Skip(1), (next, last) => FeatureRemoval.Fall(last, next) <= 0).All(holds => holds) ? 1 : 0;
    }
}
