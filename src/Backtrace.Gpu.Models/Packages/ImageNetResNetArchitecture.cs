using System.Text.Json.Serialization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>A <see cref="ResNet.ImageNet"/>.</summary>
/// <param name="Depth">18, 34, 50, 101 or 152.</param>
/// <param name="Classes">Number of outputs.</param>
public sealed record ImageNetResNetArchitecture(int Depth, int Classes) : Architecture
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int? OutputSize => Classes;

    /// <inheritdoc/>
    public override Module<Tensor, Tensor> Create() => Classes is < 1 or > 100_000
        ? throw new ArgumentException($"{Classes} classes are out of range")
        : ResNet.ImageNet(Depth, Classes);

    internal override string? Refusal(Preprocessing preprocessing) => RefusalOfPictures(preprocessing);
}
