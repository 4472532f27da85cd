using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// The gradient of the score with respect to the input (Simonyan et al., arXiv 1312.6034). Defaults are those of Captum's Saliency: absolute values. Token models:
/// summed over the vector of each token, so with absolute values its L1 norm. Pictures: each channel has its own, as in Captum, and a pixel that is one feature has their
/// sum, where the paper shows the largest of them.
/// </summary>
public sealed class GradientExplainer : IExplainer
{
    private readonly ExplainedModel model;
    private readonly GradientOptions options;

    /// <param name="model">The model.</param>
    /// <param name="options">Absolute values or signs; defaults of Captum when null.</param>
    /// <exception cref="ArgumentException">The batch has no sample.</exception>
    public GradientExplainer(ExplainedModel model, GradientOptions? options = null)
    {
        options ??= new GradientOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Batch, 1);
        this.model = model;
        this.options = options;
    }

    /// <inheritdoc/>
    public string Name => options.Absolute ? "Gradient" : "Gradient (signed)";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor points = model.Points(samples.Input);
        GradientPasses.Run(model, samples, 1, options.Batch, part => part.Rows(points), (part, gradients) => part.Rows(points).copy_(gradients.squeeze(1)), cancellation);
        Tensor perPoint = options.Absolute ? points.abs_() : points;
        return model.Attributions(perPoint);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
