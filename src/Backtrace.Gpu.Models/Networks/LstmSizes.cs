using System.Text.Json.Serialization;

namespace Backtrace.Gpu.Models;

/// <summary>Sizes of an <see cref="LstmClassifier"/>.</summary>
/// <param name="Vocabulary">Number of tokens.</param>
/// <param name="Embedding">Width of a token.</param>
/// <param name="Hidden">Width of the state.</param>
/// <param name="Classes">Number of outputs.</param>
/// <param name="Layers">LSTMs above each other.</param>
/// <param name="Bidirectional">True when a second LSTM per layer reads from the end.</param>
public sealed record LstmSizes(int Vocabulary, int Embedding, int Hidden, int Classes, int Layers = 1, bool Bidirectional = false)
{
    private const int MaximumSize = 1 << 20;

    /// <summary>2 when texts are read both ways, else 1.</summary>
    [JsonIgnore]
    public int Directions => Bidirectional ? 2 : 1;

    /// <summary>Why no network can be built from these sizes, or null.</summary>
    internal string? Problem() => new[] { Vocabulary, Embedding, Hidden, Classes, Layers }.Any(size => size is < 1 or > MaximumSize)
        ? $"every size of an LSTM must be between 1 and {MaximumSize}"
        : null;
}
