using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// The input times the gradient of the score (Shrikumar et al., arXiv 1605.01713), as Captum's InputXGradient. Token models: word vectors times their gradients,
/// summed over the vector of each token.
/// </summary>
public sealed class GradientTimesInputExplainer : IExplainer
{
    private readonly ExplainedModel model;
    private readonly int batch;

    /// <param name="model">The model.</param>
    /// <param name="batch">Most samples in one pass.</param>
    /// <exception cref="ArgumentException">The batch has no sample.</exception>
    public GradientTimesInputExplainer(ExplainedModel model, int batch = 64)
    {
        this.model = model;
        this.batch = batch;
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
    }

    /// <inheritdoc/>
    public string Name => "Gradient x Input";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor points = model.Points(samples.Input);
        GradientPasses.Run(model, samples, 1, batch, part => part.Rows(points), (part, gradients) => part.Rows(points).mul_(gradients.squeeze(1)), cancellation);
        return model.Attributions(points);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
