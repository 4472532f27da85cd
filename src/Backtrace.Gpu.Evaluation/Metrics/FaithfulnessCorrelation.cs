using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Pearson correlation, over random sets of features, of the sum of their attributions and the fall of the target's score when they are taken away (Bhatt et al.
/// 2020, arXiv 2005.00631). Defaults of Quantus' <c>FaithfulnessCorrelation</c>: nr_runs = 100, scores before softmax, subset_size = 224, which is meant for
/// large pictures: inputs with fewer than 896 features use a quarter of their features. NaN where all sums or all falls are equal.
/// </summary>
public sealed class FaithfulnessCorrelation : Metric
{
    /// <summary>Number of sets; the same sets for all samples.</summary>
    public int Runs { get; init; } = 100;

    /// <summary>Features in a set; null: 224, or a quarter of the features where that is less.</summary>
    public int? SubsetSize { get; init; }

    /// <summary>What is followed.</summary>
    public ModelOutput Output { get; init; } = ModelOutput.Score;

    /// <summary>Seed of the sets.</summary>
    public int Seed { get; init; }

    /// <summary>Most inputs in one forward pass.</summary>
    public int MaximumBatch { get; init; } = 256;

    /// <inheritdoc/>
    public override string Name => "Faithfulness correlation";

    /// <inheritdoc/>
    public override Better Better => Better.Higher;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There are fewer features than a set holds.</exception>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default)
    {
        double[][] attributions = Attributions.PerFeature(measurement);
        int features = measurement.Samples.Features.Count;
        int size = SubsetSize ?? Math.Min(224, Math.Max(1, features / 4));
        if (size < 1 || size > features)
            throw new ArgumentException($"Sets of {Counted.Of(size, "feature")} cannot be drawn from {features}: set SubsetSize.");
        Random random = new(Seed);
        int[][] sets = [.. Enumerable.Range(0, Runs).Select(_ => Draw(random, size, features))];
        double[][] drops = FeatureRemoval.Drops(measurement, [.. attributions.Select(_ => sets)], Output, MaximumBatch, cancellation);
        return [.. attributions.Select((a, n) => Correlation.Pearson([.. sets.Select(set => set.Sum(i => a[i]))], drops[n]))];
    }

    private static int[] Draw(Random random, int size, int features)
    {
        int[] all = [.. Enumerable.Range(0, features)];
        random.Shuffle(all);
        return all[..size];
    }
}
