namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Area under the perturbation curve, most relevant features first, each value divided by that of the untouched input: what share of the answer is left, on
/// average, while its strongest support goes (Samek et al. 2017, arXiv 1509.06321; for tokens, one at a time, as in ToPEQ). See
/// <see cref="PerturbationCurve.Areas"/> for the convention. Follows the probability unless the options say else. Quantus has no such metric.
/// </summary>
public sealed class MorfAuc : Metric
{
    /// <summary>Steps, output and batches; the order is the metric's.</summary>
    public CurveOptions Curve { get; init; } = new();

    /// <inheritdoc/>
    public override string Name => "MoRF AUC";

    /// <inheritdoc/>
    public override Better Better => Better.Lower;

    /// <summary>The curves behind the numbers.</summary>
    public PerturbationCurve Curves(Measurement measurement, CancellationToken cancellation = default) =>
        PerturbationCurve.Measure(measurement, Curve with { Order = FeatureOrder.MostRelevantFirst }, cancellation);

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default) =>
        Curves(measurement, cancellation).Areas(isNormalised: true);
}
