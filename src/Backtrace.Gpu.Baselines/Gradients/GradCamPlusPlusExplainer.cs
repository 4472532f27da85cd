using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Grad-CAM++ (Chattopadhay et al., arXiv 1710.11063): Grad-CAM whose weights are sums of positive gradients, each weighted by how much its place accounts for. The
/// derivatives are those of exp(score), as in the paper, without the factor exp(score), which is the same for all of a map. The authors' code
/// also divides the weights of a channel's places by their sum; the formula of the paper, and this, do not. pytorch-grad-cam adds 1e-6 to the denominator 2g² + ΣA·g³,
/// which takes weight from places whose gradient g is not far above 0.001; here g² is cancelled first, so that all places weigh what the formula says. Not in Captum.
/// </summary>
public sealed class GradCamPlusPlusExplainer : IExplainer
{
    private readonly ActivationMap map;

    /// <inheritdoc cref="GradCamExplainer(ExplainedModel, GradCamOptions)"/>
    public GradCamPlusPlusExplainer(ExplainedModel model, GradCamOptions? options = null) => map = new ActivationMap(Name, model, options ?? new GradCamOptions());

    /// <inheritdoc/>
    public string Name => "Grad-CAM++";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default) => map.Explain(samples, Weights, cancellation);

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    // alpha = g^2 / (2 g^2 + sum(A) g^3) = 1 / (2 + sum(A) g); a place without gradient weighs nothing.
    private static Tensor Weights(Tensor activations, Tensor gradients)
    {
        Tensor below = 2 + activations.sum([2, 3], keepdim: true) * gradients;
        Tensor alpha = where(below.abs() > 1e-7, 1 / below, zeros_like(below));
        return (alpha * gradients.relu()).sum([2, 3], keepdim: true);
    }
}
