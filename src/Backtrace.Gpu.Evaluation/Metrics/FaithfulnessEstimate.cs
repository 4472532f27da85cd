using Backtrace.Gpu.Baselines;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Pearson correlation, over single features, of their attributions and the fall of the target's score when each is taken away alone (Alvarez-Melis and Jaakkola
/// 2018, arXiv 1806.07538). Defaults of Quantus' <c>FaithfulnessEstimate</c>: features_in_step = 1, correlation_pearson, scores before softmax. NaN where all
/// attributions or all falls are equal.
/// </summary>
public sealed class FaithfulnessEstimate : Metric
{
    /// <summary>Features that are taken away together: neighbours in the order of attribution.</summary>
    public int FeaturesPerStep { get; init; } = 1;

    /// <summary>What is followed.</summary>
    public ModelOutput Output { get; init; } = ModelOutput.Score;

    /// <summary>Most inputs in one forward pass.</summary>
    public int MaximumBatch { get; init; } = 256;

    /// <inheritdoc/>
    public override string Name => "Faithfulness estimate";

    /// <inheritdoc/>
    public override Better Better => Better.Higher;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default)
    {
        double[][] attributions = Attributions.PerFeature(measurement);
        int[][][] groups = [.. attributions.Select((a, n) => Ranking.Of(measurement, n, a, new CurveOptions()).Chunk(FeaturesPerStep).ToArray())];
        double[][] drops = FeatureRemoval.Drops(measurement, groups, Output, MaximumBatch, cancellation);
        return [.. attributions.Select((a, n) => Correlation.Pearson([.. groups[n].Select(group => group.Sum(i => a[i]))], drops[n]))];
    }
}
