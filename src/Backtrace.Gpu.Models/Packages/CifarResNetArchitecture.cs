using System.Text.Json.Serialization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>A <see cref="ResNet.Cifar"/>.</summary>
/// <param name="Depth">Number of weighted layers.</param>
/// <param name="Classes">Number of outputs.</param>
public sealed record CifarResNetArchitecture(int Depth, int Classes) : Architecture
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int? OutputSize => Classes;

    /// <inheritdoc/>
    public override Module<Tensor, Tensor> Create() => Depth > 1202 || Classes is < 1 or > 100_000
        ? throw new ArgumentException($"depth {Depth} with {Classes} classes is out of range")
        : ResNet.Cifar(Depth, Classes);

    internal override string? Refusal(Preprocessing preprocessing) => RefusalOfPictures(preprocessing);
}
