using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>Pictures without detail: what stands in for pixels that are taken away, and what makes a map smooth.</summary>
public static class GaussianBlur
{
    /// <summary>
    /// Blurs each channel with a Gaussian that is cut off at two sigma, rounded up to whole pixels, and whose weights sum to 1 (SciPy and scikit-image cut at four);
    /// of pictures no larger than that, at their smaller side less one. Edges are mirrored about the outermost pixels, which are not repeated.
    /// </summary>
    /// <param name="images">[N, C, H, W].</param>
    /// <param name="sigma">Its width in pixels, above 0.</param>
    /// <returns>Shaped like <paramref name="images"/>. The caller's.</returns>
    public static Tensor Of(Tensor images, double sigma)
    {
        using DisposeScope scope = NewDisposeScope();
        long channels = images.shape[1], radius = Math.Min((long)Math.Ceiling(2 * sigma), Math.Min(images.shape[2], images.shape[3]) - 1);
        Tensor places = arange(-radius, radius + 1, float32, images.device);
        Tensor weights = (places * places / (-2 * sigma * sigma)).exp();
        weights = (weights / weights.sum()).view(1, 1, 1, -1).expand(channels, 1, 1, -1).contiguous();
        Tensor padded = nn.functional.pad(images, [radius, radius, radius, radius], PaddingModes.Reflect);
        Tensor rows = nn.functional.conv2d(padded, weights, groups: channels);
        return nn.functional.conv2d(rows, weights.transpose(2, 3).contiguous(), groups: channels).MoveToOuterDisposeScope();
    }
}
