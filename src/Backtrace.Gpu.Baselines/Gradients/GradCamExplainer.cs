using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Grad-CAM (Selvaraju et al., arXiv 1610.02391): the channels of a convolution, weighted by their mean gradients and added; negative sums are cut off; scaled up to the
/// input's size by bilinear interpolation (Captum's LayerAttribution.interpolate takes the nearest by default). A pixel's number is parted evenly among its channels.
/// </summary>
public sealed class GradCamExplainer : IExplainer
{
    private readonly ActivationMap map;

    /// <param name="model">A model of pictures, [N, C, H, W].</param>
    /// <param name="options">Layer and cut; the last convolution and the paper's cut when null.</param>
    /// <exception cref="ExplainerException">There is no such layer, or no convolution.</exception>
    /// <exception cref="ArgumentException">The batch has no sample.</exception>
    public GradCamExplainer(ExplainedModel model, GradCamOptions? options = null) => map = new ActivationMap(Name, model, options ?? new GradCamOptions());

    /// <inheritdoc/>
    public string Name => "Grad-CAM";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default) =>
        map.Explain(samples, (_, gradients) => gradients.mean([2, 3], keepdim: true), cancellation);

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
