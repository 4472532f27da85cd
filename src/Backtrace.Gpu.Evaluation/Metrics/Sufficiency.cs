namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// How much the target's probability falls when only the most relevant features are left, averaged over bins of 1, 5, 10, 20 and 50 % of them (DeYoung et al.
/// 2020, arXiv 1911.03429). The mean over the bins, as for <see cref="Comprehensiveness"/>. Not the metric that Quantus calls <c>Sufficiency</c>.
/// </summary>
public sealed class Sufficiency : Metric
{
    /// <summary>Shares of the features, each rounded up to a whole feature. DeYoung et al.: 1, 5, 10, 20 and 50 %.</summary>
    public IReadOnlyList<double> Bins { get; init; } = [0.01, 0.05, 0.1, 0.2, 0.5];

    /// <summary>Most inputs in one forward pass.</summary>
    public int MaximumBatch { get; init; } = 256;

    /// <inheritdoc/>
    public override string Name => "Sufficiency";

    /// <inheritdoc/>
    public override Better Better => Better.Lower;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default)
    {
        CurveOptions options = new() { Shares = Bins, Restore = true, MaximumBatch = MaximumBatch };
        PerturbationCurve curve = PerturbationCurve.Measure(measurement, options, cancellation);
        return [.. curve.Values.Select((values, n) => curve.Whole[n] - values.Skip(1).Average())];
    }
}
