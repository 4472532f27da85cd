using Backtrace.Gpu.Baselines;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Mean fall of the target's probability over steps that take square patches of a picture away (Samek et al. 2017, arXiv 1509.06321: AOPC over steps 0 to L).
/// Defaults of Quantus' <c>RegionPerturbation</c>: patch_size = 8, order = "morf", regions_evaluation = 100, softmax = True. Patches lie on a grid, as in the
/// paper; Quantus places them freely where they do not overlap, and gives the falls themselves, from the first patch on. Better are higher values for MoRF, lower
/// ones for LeRF.
/// </summary>
public sealed class RegionPerturbation : Metric
{
    /// <summary>Height and width of a patch; smaller at the lower and right edges.</summary>
    public int PatchSize { get; init; } = 8;

    /// <summary>Which patches go first.</summary>
    public FeatureOrder Order { get; init; } = FeatureOrder.MostRelevantFirst;

    /// <summary>Most patches that are taken away.</summary>
    public int Regions { get; init; } = 100;

    /// <summary>Seed of a random order.</summary>
    public int Seed { get; init; }

    /// <summary>Most inputs in one forward pass.</summary>
    public int MaximumBatch { get; init; } = 256;

    /// <inheritdoc/>
    public override string Name => "Region perturbation AOPC";

    /// <inheritdoc/>
    public override Better Better => Order switch
    {
        FeatureOrder.MostRelevantFirst => Better.Higher,
        FeatureOrder.LeastRelevantFirst => Better.Lower,
        _ => Better.Neither,
    };

    /// <summary>The curves behind the numbers.</summary>
    /// <exception cref="ExplainerException">Inputs are no pictures.</exception>
    public PerturbationCurve Curves(Measurement measurement, CancellationToken cancellation = default)
    {
        using Features patches = Patches.Of(measurement, PatchSize, Name);
        CurveOptions options = new() { Order = Order, MaximumSteps = Regions, Seed = Seed, MaximumBatch = MaximumBatch };
        return PerturbationCurve.Measure(Patches.Measure(measurement, patches), options, cancellation);
    }

    /// <inheritdoc/>
    /// <exception cref="ExplainerException">Inputs are no pictures.</exception>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default)
    {
        PerturbationCurve curve = Curves(measurement, cancellation);
        return [.. curve.Values.Select((values, n) => curve.Whole[n] - values.Average())];
    }
}
