using static TorchSharp.torch;

namespace Backtrace.Gpu.Models;

/// <summary>A text as a model sees it.</summary>
/// <param name="Text">The text itself.</param>
/// <param name="Ids">Number of each token.</param>
/// <param name="Tokens">Each token as text; "##" continues a word, "[UNK]" stands for a word that cannot be spelled.</param>
/// <param name="IsCut">True when the end of the text is missing because it is too long.</param>
public sealed record TokenizedText(string Text, IReadOnlyList<long> Ids, IReadOnlyList<string> Tokens, bool IsCut = false)
{
    /// <summary>The ids as a model's input, [1, T]; the caller disposes it.</summary>
    public Tensor ToTensor() => tensor(Ids.ToArray(), [1, Ids.Count]);
}
