using Backtrace.Gpu.Baselines;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Area between the perturbation curves of the least and the most relevant features first, over the share of features (Blücher et al. 2024, arXiv
/// 2401.06654). Unlike <see cref="DeltaAuc"/> it is in the output's own units, by default those of the score before softmax. Quantus has the related
/// <c>SymmetricRelevanceGain</c>.
/// </summary>
public sealed class Abpc : Metric
{
    /// <summary>Steps, output and batches; the orders are the metric's.</summary>
    public CurveOptions Curve { get; init; } = new() { Output = ModelOutput.Score };

    /// <inheritdoc/>
    public override string Name => "ABPC";

    /// <inheritdoc/>
    public override Better Better => Better.Higher;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default) => Of(
        new MorfAuc { Curve = Curve }.Curves(measurement, cancellation),
        new LerfAuc { Curve = Curve }.Curves(measurement, cancellation));

    /// <summary>The same from curves that have been measured.</summary>
    public static double[] Of(PerturbationCurve morf, PerturbationCurve lerf) => DeltaAuc.Between(morf, lerf, isNormalised: false);
}
