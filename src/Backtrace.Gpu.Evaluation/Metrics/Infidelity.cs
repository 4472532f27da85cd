using Backtrace.Gpu.Baselines;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Mean squared difference of the sum of attributions of what is taken away and the fall of the target's score (Yeh et al. 2019, arXiv 1901.09392, for
/// attributions that contain the input as a factor, Captum's multiply_by_inputs = True). Of pictures, square patches are taken away as in the paper's square
/// removal; else single features. Defaults of Quantus' <c>Infidelity</c>: perturb_patch_sizes = [4], scores before softmax. There patches go one after the
/// other and stay away, 10 times (n_perturb_samples), and attributions are multiplied by the change of the input, as suits gradients; here each goes alone, and
/// attributions stand for what their features give. Gradients by themselves are measured against another unit: multiply them by the input, or set
/// <see cref="Normalise"/>.
/// </summary>
public sealed class Infidelity : Metric
{
    /// <summary>Height and width of patches; pictures only.</summary>
    public int PatchSize { get; init; } = 4;

    /// <summary>
    /// Whether attributions are first multiplied by the factor that fits best, as the paper does (Captum: normalize). False as in Captum and Quantus; set it to
    /// compare methods whose attributions have different units.
    /// </summary>
    public bool Normalise { get; init; }

    /// <summary>Most inputs in one forward pass.</summary>
    public int MaximumBatch { get; init; } = 256;

    /// <inheritdoc/>
    public override string Name => "Infidelity";

    /// <inheritdoc/>
    public override Better Better => Better.Lower;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default)
    {
        using Features? patches = Patches.IsPicture(measurement) ? Patches.Of(measurement, PatchSize, Name) : null;
        Measurement of = patches is null ? measurement : Patches.Measure(measurement, patches);
        double[][] sums = Attributions.PerFeature(of);
        int[][] single = [.. Enumerable.Range(0, of.Samples.Features.Count).Select(i => new[] { i })];
        double[][] drops = FeatureRemoval.Drops(of, [.. sums.Select(_ => single)], ModelOutput.Score, MaximumBatch, cancellation);
        return [.. sums.Zip(drops, Difference)];
    }

    private double Difference(double[] sums, double[] drops)
    {
        double squares = sums.Sum(s => s * s);
        double factor = Normalise && squares > 0 ? sums.Zip(drops, (s, d) => s * d).Sum() / squares : 1;
        return sums.Zip(drops, (s, d) => (factor * s) - d).Average(e => e * e);
    }
}
