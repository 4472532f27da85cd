using Backtrace.Gpu.Baselines;

namespace Backtrace.Gpu.Evaluation;

/// <summary>How a <see cref="PerturbationCurve"/> is measured.</summary>
public sealed record CurveOptions
{
    /// <summary>Which features are changed first.</summary>
    public FeatureOrder Order { get; init; } = FeatureOrder.MostRelevantFirst;

    /// <summary>Whether features are ranked by the absolute value of their attribution.</summary>
    public bool Absolute { get; init; }

    /// <summary>Whether the curve starts from an input without features and gives them back, instead of taking them away.</summary>
    public bool Restore { get; init; }

    /// <summary>Features that change from one point of the curve to the next.</summary>
    public int FeaturesPerStep { get; init; } = 1;

    /// <summary>Number of steps of about equal size; takes the place of <see cref="FeaturesPerStep"/>.</summary>
    public int? Steps { get; init; }

    /// <summary>Shares of the features at the points of the curve, above 0 and to 1, each rounded up to a whole feature; takes the place of both.</summary>
    public IReadOnlyList<double>? Shares { get; init; }

    /// <summary>The curve ends after this many steps; null: when all features have changed.</summary>
    public int? MaximumSteps { get; init; }

    /// <summary>What is followed.</summary>
    public ModelOutput Output { get; init; } = ModelOutput.Probability;

    /// <summary>Of <see cref="FeatureOrder.Random"/>.</summary>
    public int Seed { get; init; }

    /// <summary>Most inputs in one forward pass; they may belong to several samples.</summary>
    public int MaximumBatch { get; init; } = 256;

    /// <summary>How many features have changed at each point, from 0.</summary>
    /// <exception cref="ArgumentException">An option is out of range; says which.</exception>
    internal int[] Counts(int features)
    {
        if (FeaturesPerStep < 1 || Steps < 1 || MaximumSteps < 1 || MaximumBatch < 1)
            throw new ArgumentException("FeaturesPerStep, Steps, MaximumSteps and MaximumBatch of a curve are at least 1.");
        if (Shares?.Any(share => share is not (> 0 and <= 1)) == true)
            throw new ArgumentException("Shares of a curve are above 0 and at most 1.");
        IEnumerable<int> counts = (Shares, Steps) switch
        {
            ({ } shares, _) => shares.Select(share => (int)Math.Ceiling(share * features - 1e-9)), // 0.05 * 20 is a little more than 1
            (_, { } steps) => Enumerable.Range(1, steps).Select(i => (int)Math.Round((double)i * features / steps)).Where(count => count > 0).Distinct(),
            _ => Enumerable.Range(1, (features - 1) / FeaturesPerStep + 1).Select(i => Math.Min(i * FeaturesPerStep, features)),
        };
        return [0, .. counts.Take(MaximumSteps ?? int.MaxValue)];
    }
}
