using System.Text.Json.Serialization;

namespace Backtrace.Gpu.Models;

/// <summary>Texts: cut into the pieces of a WordPiece vocabulary; <see cref="WordPiece"/> does it.</summary>
/// <param name="MaximumLength">Tokens that the model takes, special ones included; longer texts lose their end.</param>
/// <param name="Vocabulary">File of the model folder with one token per line, or its tokenizer.json.</param>
/// <param name="LowerCase">True when upper case does not matter, nor accents.</param>
/// <param name="SpecialTokens">True when a text stands between [CLS] and [SEP].</param>
/// <param name="KeepAccents">True when accents matter although upper case does not.</param>
public sealed record TextPreprocessing(int MaximumLength, string Vocabulary = "vocab.txt", bool LowerCase = true, bool SpecialTokens = true, bool KeepAccents = false) : Preprocessing
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int? InputSize => null;

    internal override string? Problem()
    {
        if (MaximumLength is < 3 or > 1 << 20)
            return $"maximumLength {MaximumLength} is not between 3 and {1 << 20}";
        return Path.GetFileName(Vocabulary) == Vocabulary && Vocabulary.Length > 0 ? null : $"vocabulary '{Vocabulary}' is not the name of a file in the model folder";
    }
}
