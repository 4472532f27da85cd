using System.Text.Json.Serialization;
using Backtrace.Gpu.Kernels;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>A <see cref="UNet"/>; the classes are those of a pixel.</summary>
/// <param name="Channels">Channels of the input.</param>
/// <param name="Widths">Channels of each level, finest first.</param>
/// <param name="Classes">Number of classes.</param>
public sealed record UNetArchitecture(int Channels, IReadOnlyList<int> Widths, int Classes) : Architecture
{
    private const int MaximumLevels = 8, MaximumWidth = 4096;

    /// <inheritdoc/>
    [JsonIgnore]
    public override int? OutputSize => Classes;

    // The pairs of 3x3 convolutions on the way down and up.
    internal override double Weights => Widths.Prepend(Channels).Zip(Widths, (before, width) => 9.0 * width * ((double)before + width)).Sum()
        + Widths.Zip(Widths.Skip(1), (width, below) => 9.0 * width * (2.0 * width + below)).Sum();

    /// <inheritdoc/>
    public override Module<Tensor, Tensor> Create()
    {
        if (Widths.Count is < 2 or > MaximumLevels)
            throw new ArgumentException($"a U-Net has 2 to {MaximumLevels} levels, not {Widths.Count}");
        foreach ((string name, int size) in Widths.Select(width => ("widths", width)).Append(("channels", Channels)).Append(("classes", Classes)))
        {
            if (size is < 1 or > MaximumWidth)
                throw new ArgumentException($"{name} {size} is not between 1 and {MaximumWidth}");
        }
        return new UNet(Channels, Widths, Classes);
    }

    internal override string? Refusal(Preprocessing preprocessing)
    {
        int factor = 1 << (Widths.Count - 1);
        return preprocessing switch
        {
            ContrastPreprocessing when Channels != 1 => $"the network takes pictures of {Counted.Of(Channels, "channel")}",
            ContrastPreprocessing contrast when contrast.SideFactor % factor != 0 => $"the network takes pictures with sides divisible by {factor}",
            ContrastPreprocessing => null,
            ImagePreprocessing image when image.Width % factor != 0 || image.Height % factor != 0 => $"the network takes pictures with sides divisible by {factor}",
            _ => RefusalOfPictures(preprocessing, Channels),
        };
    }
}
