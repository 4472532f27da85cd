using System.Text.Json.Serialization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>An <see cref="LstmClassifier"/>.</summary>
/// <param name="Sizes">Its sizes.</param>
public sealed record LstmArchitecture(LstmSizes Sizes) : Architecture
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int? OutputSize => Sizes.Classes;

    internal override double Weights => Sizes.Weights;

    /// <inheritdoc/>
    public override Module<Tensor, Tensor> Create() => new LstmClassifier(Sizes);

    internal override string? Refusal(Preprocessing preprocessing) => preprocessing is TextPreprocessing ? null : "the network takes texts";
}
