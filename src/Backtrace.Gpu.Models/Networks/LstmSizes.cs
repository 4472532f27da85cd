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
    private const int MaximumSize = 1 << 20, MaximumLayers = 1000;
    private const long MaximumWeights = 1L << 31;

    /// <summary>2 when texts are read both ways, else 1.</summary>
    [JsonIgnore]
    public int Directions => Bidirectional ? 2 : 1;

    internal double Weights => (double)Vocabulary * Embedding + 4.0 * Directions * Hidden * (Embedding + Hidden) + (Layers - 1.0) * 4 * Directions * Hidden * (Directions + 1.0) * Hidden;

    /// <summary>Why no network can be built from these sizes, or null.</summary>
    internal string? Problem()
    {
        foreach ((string name, int size, int most) in new[]
        {
            ("vocabulary", Vocabulary, MaximumSize), ("embedding", Embedding, MaximumSize), ("hidden", Hidden, MaximumSize), ("classes", Classes, MaximumSize), ("layers", Layers, MaximumLayers),
        })
        {
            if (size < 1 || size > most)
                return $"{name} {size} is not between 1 and {most}";
        }
        long largest = Math.Max((long)Vocabulary * Embedding, 4L * Hidden * Math.Max(Embedding, Directions * Hidden));
        return largest > MaximumWeights ? $"a layer has more than {MaximumWeights} weights" : null;
    }
}
