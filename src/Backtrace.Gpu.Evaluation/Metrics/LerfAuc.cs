namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// As <see cref="MorfAuc"/> with the least relevant features first: what share of the answer is left, on average, while what does not support it goes.
/// </summary>
public sealed class LerfAuc : Metric
{
    /// <summary>Steps, output and batches; the order is the metric's.</summary>
    public CurveOptions Curve { get; init; } = new();

    /// <inheritdoc/>
    public override string Name => "LeRF AUC";

    /// <inheritdoc/>
    public override Better Better => Better.Higher;

    /// <summary>The curves behind the numbers.</summary>
    public PerturbationCurve Curves(Measurement measurement, CancellationToken cancellation = default) =>
        PerturbationCurve.Measure(measurement, Curve with { Order = FeatureOrder.LeastRelevantFirst }, cancellation);

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default) =>
        Curves(measurement, cancellation).Areas(isNormalised: true);
}
