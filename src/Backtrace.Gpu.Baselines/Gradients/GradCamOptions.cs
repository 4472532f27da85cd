namespace Backtrace.Gpu.Baselines;

/// <summary>Options of <see cref="GradCamExplainer"/> and <see cref="GradCamPlusPlusExplainer"/>.</summary>
public sealed record GradCamOptions
{
    /// <summary>
    /// Path of the layer whose channels are weighted, such as <c>layer3.2.conv2</c>; any module with outputs of [N, channels, height, width].
    /// The last convolution when null, as in the paper; Captum and pytorch-grad-cam have no default. On residual networks name the last block, as pytorch-grad-cam
    /// advises: the last convolution lies before its normalisation, its sum and its ReLU.
    /// </summary>
    public string? Layer { get; init; }

    /// <summary>Only what speaks for the class, as in the paper. Captum's LayerGradCam keeps both signs by default (relu_attributions=False).</summary>
    public bool Relu { get; init; } = true;

    /// <summary>Most samples in one pass.</summary>
    public int Batch { get; init; } = 64;
}
