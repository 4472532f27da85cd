using Backtrace.Gpu.Baselines;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// <see cref="Mprt"/> of explanations that are averaged over noisy inputs, which takes the noise of an explanation out of the comparison (Hedström et al. 2024,
/// arXiv 2401.06465). Defaults of Quantus' <c>SmoothMPRT</c>: layer_order = "bottom_up", nr_samples = 50, the last of them without noise, noise_magnitude = 0.1
/// times the range of a sample, seed = 42, abs = True. Absolute values are taken of the average, as there. The same noise, times the range, for all samples and
/// layers; Quantus draws it anew each time. Random parameters and the mean over layers as for <see cref="Mprt"/>. NaN as for <see cref="Mprt"/>. Not defined for
/// tokens.
/// </summary>
public sealed class SmoothMprt : Metric
{
    /// <summary>Layers, order, seed.</summary>
    public RandomisationOptions Randomisation { get; init; } = new() { Order = LayerOrder.BottomUp };

    /// <summary>Inputs that are averaged over.</summary>
    public int Draws { get; init; } = 50;

    /// <summary>Standard deviation of the noise as a share of the range of a sample's entries.</summary>
    public double Noise { get; init; } = 0.1;

    /// <inheritdoc/>
    public override string Name => "Smooth MPRT";

    /// <inheritdoc/>
    public override Better Better => Better.Lower;

    /// <summary>The curve of each sample over the layers.</summary>
    /// <exception cref="ExplainerException">Inputs are tokens, the model has no such layer, or the explainer refuses.</exception>
    public RandomisationCurve Curves(Measurement measurement, CancellationToken cancellation = default)
    {
        if (measurement.Model.TakesTokens)
            throw new ExplainerException($"{Name} adds noise to inputs, which is not defined for tokens: use MPRT for token models.");
        if (Draws < 1)
            throw new ArgumentException($"{Name} averages over at least one input: set Draws.");
        using Tensor original = Smooth(measurement, cancellation);
        return RandomisationCurve.Measure(measurement, Randomisation, original, () => Smooth(measurement, cancellation), cancellation);
    }

    /// <inheritdoc/>
    /// <exception cref="ExplainerException">Inputs are tokens, the model has no such layer, or the explainer refuses.</exception>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default) => Curves(measurement, cancellation).PerSample;

    private Tensor Smooth(Measurement measurement, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new();
        generator.manual_seed(Randomisation.Seed);
        Samples samples = measurement.Samples;
        long[] shape = samples.Input.shape;
        Tensor flat = samples.Input.flatten(1);
        Tensor deviation = (flat.amax([1]) - flat.amin([1])).view([shape[0], .. Enumerable.Repeat(1L, shape.Length - 1)]) * Noise;
        Tensor sum = zeros_like(samples.Input);
        for (int draw = 1; draw <= Draws; draw++)
        {
            using DisposeScope inner = NewDisposeScope();
            Tensor noise = draw == Draws ? zeros_like(samples.Input) : randn([1, .. shape[1..]], generator: generator).to(samples.Input.device) * deviation;
            using Samples noisy = samples with { Input = (samples.Input + noise).to(samples.Input.dtype), Targets = samples.Targets.alias(), Absent = samples.Absent.alias() };
            using Tensor explained = Explaining.InBatches(measurement.Explainer, noisy, Randomisation.MaximumBatch, cancellation);
            sum.add_(explained);
        }

        return (sum / Draws).DetachFromDisposeScope();
    }
}
