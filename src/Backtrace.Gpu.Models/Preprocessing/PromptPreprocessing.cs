using System.Text.Json.Serialization;

namespace Backtrace.Gpu.Models;

/// <summary>A text that a language model continues: a tokenizer makes token ids, [1, T].</summary>
/// <param name="Tokenizer">Which tokenizer.</param>
/// <param name="File">Its file in the model folder.</param>
public sealed record PromptPreprocessing(TokenizerKind Tokenizer, string File) : Preprocessing
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int? InputSize => null;

    /// <summary>Reads the tokenizer.</summary>
    /// <param name="folder">The model folder.</param>
    /// <exception cref="ModelException">Its file is missing or damaged.</exception>
    public TextTokenizer Open(string folder)
    {
        string path = Path.Combine(folder, File);
        return Tokenizer switch
        {
            TokenizerKind.BytePairs => BytePairTokenizer.Read(path),
            TokenizerKind.Characters => CharacterTokenizer.Read(path),
            _ => SentencePieceTokenizer.Read(path),
        };
    }

    internal override string? Problem() => File.Length > 0 && File == Path.GetFileName(File) ? null : $"names a tokenizer '{File}', which is no file of the model folder";
}

/// <summary>Kinds of tokenizers, by their files.</summary>
public enum TokenizerKind
{
    /// <summary>A <see cref="BytePairTokenizer"/>: tokenizer.json.</summary>
    BytePairs,

    /// <summary>A <see cref="SentencePieceTokenizer"/>: tokenizer.bin of llama2.c.</summary>
    SentencePieces,

    /// <summary>A <see cref="CharacterTokenizer"/>: a JSON object.</summary>
    Characters,
}
