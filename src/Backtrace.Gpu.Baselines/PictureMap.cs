using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>Coarse maps of pictures, [N, 1, h, w], as methods that look at feature maps make them.</summary>
internal static class PictureMap
{
    /// <exception cref="ExplainerException">The input is no batch of pictures, [N, C, H, W].</exception>
    internal static void EnsurePictures(string method, Tensor input)
    {
        if (input.dim() != 4)
            throw new ExplainerException($"{method}: the input has the shape [{string.Join(", ", input.shape)}]; pictures, [N, C, H, W], are needed.");
    }

    /// <summary>A map as large as the pictures, by bilinear interpolation.</summary>
    internal static Tensor ScaleUp(Tensor map, Tensor pictures) =>
        nn.functional.interpolate(map, pictures.shape[2..], mode: InterpolationMode.Bilinear, align_corners: false);

    /// <summary>Numbers of pixels, [N, 1, H, W], parted evenly among their channels: [N, C, H, W], fp32.</summary>
    internal static Tensor PartAmongChannels(Tensor map, Tensor pictures) => (map / pictures.shape[1]).expand(pictures.shape).to(float32).contiguous();
}
