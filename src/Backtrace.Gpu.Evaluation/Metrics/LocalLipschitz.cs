using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Largest ‖a(x + u) − a(x)‖ / ‖u‖ over random u (Alvarez-Melis and Jaakkola 2018, arXiv 1806.08049). Defaults of Quantus' <c>LocalLipschitzEstimate</c>:
/// nr_samples = 200, each entry of u normal with perturb_std = 0.1, Euclidean norms, attributions divided by their largest absolute value (normalise = True).
/// NaN where an explanation, of the sample or of one of its neighbours, is all 0 and so has no such value. Not defined for tokens.
/// </summary>
public sealed class LocalLipschitz : Metric
{
    /// <summary>Number of neighbours; the same u for all samples.</summary>
    public int Draws { get; init; } = 200;

    /// <summary>Standard deviation of the change of an entry.</summary>
    public double Deviation { get; init; } = 0.1;

    /// <summary>Whether attributions are divided by their largest absolute value first, so that their unit does not matter.</summary>
    public bool Normalise { get; init; } = true;

    /// <summary>Seed of the changes.</summary>
    public int Seed { get; init; }

    /// <summary>Most inputs that are explained at a time.</summary>
    public int MaximumBatch { get; init; } = 64;

    /// <inheritdoc/>
    public override string Name => "Local Lipschitz";

    /// <inheritdoc/>
    public override Better Better => Better.Lower;

    /// <inheritdoc/>
    /// <exception cref="ExplainerException">Inputs are tokens.</exception>
    /// <exception cref="ArgumentException">Changes have no size, or there is none.</exception>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Deviation);
        Neighbourhood neighbourhood = new(Name, Draws, Seed, MaximumBatch);
        double[][] ratios = neighbourhood.Measure(
            measurement,
            (shape, generator) => randn(shape, generator: generator) * Deviation,
            (change, before, after) => (Scaled(after) - Scaled(before)).norm(1) / change.norm(1),
            cancellation);
        return [.. ratios.Select(of => of.Aggregate(Math.Max))];
    }

    private Tensor Scaled(Tensor attributions) => Normalise ? attributions / attributions.abs().amax([1], keepdim: true) : attributions;
}
