using System.Text.Json.Serialization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>An <see cref="LstmLanguageModel"/>.</summary>
/// <param name="Vocabulary">Number of tokens.</param>
/// <param name="Embedding">Width of a token.</param>
/// <param name="Hidden">Width of the state.</param>
/// <param name="Layers">LSTMs above each other.</param>
public sealed record LstmLanguageModelArchitecture(int Vocabulary, int Embedding, int Hidden, int Layers) : Architecture
{
    private const int MaximumSize = 1 << 20;
    private const long MaximumWeights = 1L << 28;

    internal override double Weights => (double)Vocabulary * ((double)Embedding + Hidden) + (double)Layers * 4 * Hidden * ((double)Embedding + Hidden);

    /// <inheritdoc/>
    [JsonIgnore]
    public override int? OutputSize => null;

    /// <inheritdoc/>
    public override Module<Tensor, Tensor> Create()
    {
        if (new[] { Vocabulary, Embedding, Hidden, Layers }.Any(size => size is < 1 or > MaximumSize))
            throw new ArgumentException($"every size of an LSTM must be between 1 and {MaximumSize}");
        return Weights > MaximumWeights
            ? throw new ArgumentException($"the network has more than {MaximumWeights} weights")
            : new LstmLanguageModel(Vocabulary, Embedding, Hidden, Layers);
    }

    internal override string? Refusal(Preprocessing preprocessing) => RefusalOfPrompts(preprocessing);
}
