using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// DeepLIFT with the rescale rule (Shrikumar et al., arXiv 1704.02685), computed as modified gradients (Ancona et al., arXiv 1711.06104). Defaults are those of
/// Captum's DeepLift: a baseline of zeros. Activations and max pooling follow the rule, wherever they are called; with overlapping windows too. What else is not
/// linear keeps its gradient at the input, as in Captum: products of two activations (attention), normalisation by the input's own statistics, recurrent layers.
/// Softmax does so too, where Captum has a rule for nn.Softmax. Captum knows six activations, as modules only. Where input and baseline of an activation differ
/// by less than 1e-6, as in SHAP, the gradient stands for the slope (Captum: 1e-10). Without any of these the attributions of a sample add up to the difference
/// of the scores. Token models: word vectors are compared.
/// </summary>
public sealed class DeepLiftExplainer : IExplainer
{
    private readonly ExplainedModel model;
    private readonly DeepLiftOptions options;
    private readonly Rescaling rescaling;

    /// <param name="model">The model.</param>
    /// <param name="options">Baseline; Captum's when null.</param>
    /// <exception cref="ArgumentException">The batch has no sample.</exception>
    public DeepLiftExplainer(ExplainedModel model, DeepLiftOptions? options = null)
    {
        this.model = model;
        this.options = options ??= new DeepLiftOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Batch, 1);
        rescaling = new Rescaling(Name, model);
    }

    /// <inheritdoc/>
    public string Name => options.Baseline == Baseline.Zero ? "DeepLIFT" : "DeepLIFT (absent)";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor points = model.Points(samples.Input), baseline = BaselinePoints.Of(model, samples, options.Baseline), difference = points - baseline;
        GradientPasses.Run(
            model, samples, 1, options.Batch,
            pass => pass.Rows(points),
            (pass, at, input, targets) => rescaling.Multipliers(at, pass.Rows(baseline), input, targets),
            (pass, multipliers) => pass.Rows(difference).mul_(multipliers.squeeze(1)),
            cancellation);
        return model.Attributions(difference);
    }

    /// <summary>How far attributions are from adding up: their sum less the difference of the scores at input and baseline. What Captum calls convergence delta.</summary>
    /// <param name="samples">What was explained.</param>
    /// <param name="attributions">What <see cref="Explain"/> said, [N, ...].</param>
    /// <returns>[N]. The caller's.</returns>
    public Tensor ConvergenceDelta(Samples samples, Tensor attributions)
    {
        using Tensor baseline = BaselinePoints.Of(model, samples, options.Baseline);
        return BaselinePoints.Delta(model, samples, baseline, attributions).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => rescaling.Dispose();
}
