namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Area under the curve of the target's probability while features are taken away, most relevant first (Bach et al. 2015, doi 10.1371/journal.pone.0130140;
/// Samek et al. 2017, arXiv 1509.06321). Defaults of Quantus' <c>PixelFlipping</c>: features_in_step = 1, probabilities (softmax = True). Unlike its
/// get_auc_score, the untouched input is the first point and the abscissa is the share of features, so that the area lies between 0 and 1; and what
/// stands in for features is <see cref="Baselines.Samples.Absent"/> (perturb_baseline = "black" in Quantus).
/// </summary>
public sealed class PixelFlipping : Metric
{
    /// <summary>Steps, output and batches; the order is the metric's.</summary>
    public CurveOptions Curve { get; init; } = new();

    /// <inheritdoc/>
    public override string Name => "Pixel flipping AUC";

    /// <inheritdoc/>
    public override Better Better => Better.Lower;

    /// <summary>The curves behind the numbers.</summary>
    public PerturbationCurve Curves(Measurement measurement, CancellationToken cancellation = default) =>
        PerturbationCurve.Measure(measurement, Curve with { Order = FeatureOrder.MostRelevantFirst }, cancellation);

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default) =>
        Curves(measurement, cancellation).Areas(isNormalised: false);
}
