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
    internal override double Weights => (double)Vocabulary * ((double)Embedding + Hidden) + (double)Layers * 4 * Hidden * ((double)Embedding + Hidden);

    /// <inheritdoc/>
    [JsonIgnore]
    public override int? OutputSize => null;

    /// <inheritdoc/>
    public override Module<Tensor, Tensor> Create()
    {
        // The same sizes as a classifier's, whose classes are the tokens.
        return new LstmSizes(Vocabulary, Embedding, Hidden, Vocabulary, Layers).Problem() is { } problem
            ? throw new ArgumentException(problem)
            : new LstmLanguageModel(Vocabulary, Embedding, Hidden, Layers);
    }

    internal override string? Refusal(Preprocessing preprocessing) => RefusalOfPrompts(preprocessing);
}
