using System.Globalization;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>A token as people read it.</summary>
/// <param name="Id">Its number in the vocabulary.</param>
/// <param name="Text">Its letters, without the marks of a tokenizer.</param>
/// <param name="Space">True when a space or a new line stands before it.</param>
/// <param name="Continues">True when it belongs to the word before it.</param>
/// <param name="IsSpecial">True when it stands for no text: [CLS], &lt;s&gt;.</param>
internal readonly record struct Piece(long Id, string Text, bool Space, bool Continues, bool IsSpecial)
{
    private const string ContinuationMark = "##";

    /// <summary>WordPiece: spaces are left out of tokens, and "##" continues a word.</summary>
    internal static Piece[] OfWords(TokenizedText text) =>
    [
        .. text.Tokens.Select((token, k) => token.StartsWith(ContinuationMark, StringComparison.Ordinal) && token.Length > ContinuationMark.Length
            ? new Piece(text.Ids[k], token[ContinuationMark.Length..], false, true, false)
            : new Piece(text.Ids[k], token, k > 0, false, token.StartsWith('[') && token.EndsWith(']') && token.Length > 2)),
    ];

    /// <summary>Byte pairs: spaces and new lines are part of the tokens.</summary>
    internal static Piece[] OfText(TokenizedText text) => [.. text.Tokens.Select((token, k) => OfText(text.Ids[k], token))];

    /// <summary>A token that a language model chose: it may be one that the tokenizer does not know, which is shown as its number.</summary>
    internal static string TextOfChoice(long id, TextTokenizer tokenizer) =>
        tokenizer.Knows(id) ? tokenizer.TokenText(id) : string.Create(CultureInfo.InvariantCulture, $"<{id}>");

    /// <summary>Language models: spaces and new lines are part of the tokens.</summary>
    internal static Piece OfText(long id, string token)
    {
        bool special = token is ['<', .., '>'] && token.Length > 2 && !token.StartsWith("<0x", StringComparison.Ordinal);
        string trimmed = token.TrimStart(' ');
        return new Piece(id, trimmed.Length > 0 ? trimmed.ReplaceLineEndings("\u21b5") : "\u2423", token.Length > trimmed.Length && trimmed.Length > 0, false, special);
    }
}
