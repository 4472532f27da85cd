namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// <see cref="LerfAuc"/> less <see cref="MorfAuc"/>, of the same options: 0 for an order that says nothing (ToPEQ's Delta AUC). Quantus'
/// <c>SymmetricRelevanceGain</c> is the same idea.
/// </summary>
public sealed class DeltaAuc : Metric
{
    /// <summary>Steps, output and batches; the orders are the metric's.</summary>
    public CurveOptions Curve { get; init; } = new();

    /// <inheritdoc/>
    public override string Name => "Delta AUC";

    /// <inheritdoc/>
    public override Better Better => Better.Higher;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default) => Of(
        new MorfAuc { Curve = Curve }.Curves(measurement, cancellation),
        new LerfAuc { Curve = Curve }.Curves(measurement, cancellation));

    /// <summary>The same from curves that have been measured.</summary>
    public static double[] Of(PerturbationCurve morf, PerturbationCurve lerf) => Between(morf, lerf, isNormalised: true);

    /// <summary>The area of the second curve less that of the first.</summary>
    internal static double[] Between(PerturbationCurve morf, PerturbationCurve lerf, bool isNormalised) =>
        [.. lerf.Areas(isNormalised).Zip(morf.Areas(isNormalised), (high, low) => high - low)];
}
