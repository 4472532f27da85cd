using Backtrace.Gpu.Baselines;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Spearman correlation, over single features, of |attribution| and the squared change of the target's probability when each is taken away (Nguyen and Rodríguez
/// Martínez 2020, arXiv 2007.07584). Defaults of Quantus' <c>MonotonicityCorrelation</c>: abs = True, features_in_step = 1, correlation_spearman,
/// probabilities. There a feature is replaced by 100 random values (nr_samples, perturb_baseline = "uniform"); here by what stands in for it, once. NaN where all
/// |attributions| or all changes are equal.
/// </summary>
public sealed class MonotonicityCorrelation : Metric
{
    /// <summary>What is followed.</summary>
    public ModelOutput Output { get; init; } = ModelOutput.Probability;

    /// <summary>Most inputs in one forward pass.</summary>
    public int MaximumBatch { get; init; } = 256;

    /// <inheritdoc/>
    public override string Name => "Monotonicity correlation";

    /// <inheritdoc/>
    public override Better Better => Better.Higher;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default)
    {
        double[][] attributions = Attributions.PerFeature(measurement);
        int[][] single = [.. Enumerable.Range(0, measurement.Samples.Features.Count).Select(i => new[] { i })];
        double[][] drops = FeatureRemoval.Drops(measurement, [.. attributions.Select(_ => single)], Output, MaximumBatch, cancellation);
        return [.. attributions.Select((a, n) => Correlation.Spearman([.. a.Select(Math.Abs)], [.. drops[n].Select(drop => drop * drop)]))];
    }
}
