using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>Superpixels that are tiles of a grid, as even as the image's size allows.</summary>
/// <param name="Rows">Tiles from top to bottom.</param>
/// <param name="Columns">Tiles from left to right.</param>
public sealed record GridSuperpixels(int Rows = 7, int Columns = 7)
{
    /// <summary>The tiles of an image, [C, H, W], as features. The caller's.</summary>
    /// <exception cref="ArgumentException">The image has other axes, or there are more tiles than pixels in a row or column, or fewer than one.</exception>
    public Features Of(Tensor image)
    {
        if (image.shape.Length != 3)
            throw new ArgumentException($"Superpixels need an image of [C, H, W], not [{string.Join(", ", image.shape)}].", nameof(image));
        long height = image.shape[^2], width = image.shape[^1];
        if (Rows < 1 || Columns < 1 || Rows > height || Columns > width)
            throw new ArgumentException($"A grid of {Rows} x {Columns} does not fit an image of {height} x {width} pixels.", nameof(image));
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = (arange(height, int64) * Rows).div(height, RoundingMode.floor), columns = (arange(width, int64) * Columns).div(width, RoundingMode.floor);
        return new Features((rows.unsqueeze(1) * Columns + columns).expand(image.shape));
    }
}
