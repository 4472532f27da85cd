using System.Text;
using System.Text.Json;

namespace Backtrace.Gpu.Models;

/// <summary>The pieces of a WordPiece vocabulary, numbered from 0; "##" continues a word.</summary>
internal static class Vocabulary
{
    /// <summary>Name of the file with one piece per line.</summary>
    internal const string LinesFile = "vocab.txt";

    internal const string Padding = "[PAD]", Unknown = "[UNK]", First = "[CLS]", Last = "[SEP]", Mask = "[MASK]";

    /// <summary>What every vocabulary has beside pieces of words.</summary>
    internal static readonly string[] Special = [Padding, Unknown, First, Last, Mask];

    /// <summary>Where <see cref="Special"/> stand, as a tokenizer finds them in texts.</summary>
    internal static IReadOnlyCollection<AddedToken> SpecialTokens(string[] pieces) => [.. Special.Select(token => new AddedToken(Array.IndexOf(pieces, token), token, IsSpecial: true))];

    /// <summary>Reads one piece per line, or model.vocab of a tokenizer.json.</summary>
    /// <exception cref="VocabularyException">Missing, not UTF-8, empty, with an empty or repeated line, or without one of the special tokens.</exception>
    internal static string[] Read(string path)
    {
        if (!File.Exists(path))
            throw new VocabularyException(path, "there is no such vocabulary; the folder of a text model needs it");
        string[] pieces;
        try
        {
            pieces = path.EndsWith(".json", StringComparison.Ordinal) ? OfJson(path) : [.. File.ReadLines(path, new UTF8Encoding(false, throwOnInvalidBytes: true))];
        }
        catch (DecoderFallbackException e)
        {
            throw new VocabularyException(path, "is not UTF-8 text", e);
        }
        Dictionary<string, int> lines = [];
        for (int i = 0; i < pieces.Length; i++)
        {
            if (pieces[i].Length == 0)
                throw new VocabularyException(path, $"line {i + 1} is empty; every line is one token");
            if (!lines.TryAdd(pieces[i], i))
                throw new VocabularyException(path, $"lines {lines[pieces[i]] + 1} and {i + 1} are the same token '{pieces[i]}'");
        }
        string[] missing = [.. Special.Where(token => !lines.ContainsKey(token))];
        if (missing.Length > 0)
            throw new VocabularyException(path, $"lacks {string.Join(", ", missing)}; it is no WordPiece vocabulary");
        return pieces;
    }

    private static string[] OfJson(string path)
    {
        const string key = "model.vocab";
        try
        {
            (string Piece, int Id)[] pieces = [.. new PublishedFile(path)[key]!.Value.EnumerateObject().Select(piece => (piece.Name, piece.Value.GetInt32())).OrderBy(piece => piece.Item2)];
            return pieces.Select((piece, i) => piece.Id == i).All(isNext => isNext) ? [.. pieces.Select(piece => piece.Piece)] : throw new FormatException("its numbers have gaps");
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException)
        {
            throw new VocabularyException(path, $"{key} is not an object of pieces with the numbers 0, 1, 2 and so on", e);
        }
    }

    /// <summary>True when no piece has a letter that lower-casing would change; special ones such as "[CLS]" and "[unused1]" do not count.</summary>
    internal static bool IsLowerCase(IEnumerable<string> pieces) => !pieces
        .Where(piece => piece is not ['[', .., ']'])
        .Any(piece => piece.EnumerateRunes().Any(rune => Rune.ToLowerInvariant(rune) != rune));
}
