using System.Text;
using System.Text.RegularExpressions;
using Backtrace.Gpu.Kernels;
using Microsoft.ML.Tokenizers;

namespace Backtrace.Gpu.Models;

/// <summary>Cuts texts into the pieces of a vocabulary, as BERT does.</summary>
public sealed class WordPiece
{
    // In code points; the tokenizer counts UTF-16 units, of which a code point has up to two.
    private const int LongestWord = 100;

    private static readonly Regex LongWords = new($@"\S{{{LongestWord + 1},}}", RegexOptions.CultureInvariant);
    private static readonly Regex SpecialTokens = new(string.Join("|", Vocabulary.Special.Select(Regex.Escape)), RegexOptions.CultureInvariant);

    private readonly WordPieceTokenizer tokenizer;
    private readonly TextPreprocessing settings;
    private readonly Dictionary<string, long> special;

    private WordPiece(string path, string[] pieces, TextPreprocessing settings)
    {
        Path = path;
        Pieces = pieces;
        this.settings = settings;
        special = Vocabulary.SpecialTokens(pieces).ToDictionary(token => token.Content, token => (long)token.Id);
        using MemoryStream lines = new(Encoding.UTF8.GetBytes(string.Join('\n', pieces)));
        tokenizer = WordPieceTokenizer.Create(lines, new WordPieceOptions { PreTokenizer = PreTokenizer.CreateWhiteSpace(), MaxInputCharsPerWord = 2 * LongestWord });
    }

    /// <summary>File that the vocabulary came from.</summary>
    public string Path { get; }

    /// <summary>The vocabulary; a token's number is its index.</summary>
    public IReadOnlyList<string> Pieces { get; }

    /// <summary>Reads the vocabulary of a model folder.</summary>
    /// <exception cref="VocabularyException">Missing or broken.</exception>
    public static WordPiece Open(string folder, TextPreprocessing settings)
    {
        string path = System.IO.Path.Combine(folder, settings.Vocabulary);
        return new WordPiece(path, Vocabulary.Read(path), settings);
    }

    /// <summary>Number of the token that fills up short texts.</summary>
    internal long Padding => special[Vocabulary.Padding];

    /// <summary>Cuts one text into tokens, at most as many as the settings allow.</summary>
    public TokenizedText Tokenize(string text)
    {
        List<long> ids = settings.SpecialTokens ? CutSpecial(text) : Cut(text);
        int room = settings.MaximumLength - (settings.SpecialTokens ? 2 : 0);
        bool isCut = ids.Count > room;
        if (isCut)
            ids.RemoveRange(room, ids.Count - room);
        IEnumerable<string> pieces = ids.Select(id => Pieces[(int)id]);
        return settings.SpecialTokens
            ? new TokenizedText(text, [special[Vocabulary.First], .. ids, special[Vocabulary.Last]], [Vocabulary.First, .. pieces, Vocabulary.Last], isCut)
            : new TokenizedText(text, ids, [.. pieces], isCut);
    }

    private List<long> Cut(string text)
    {
        string words = LongWords.Replace(BasicTokenizer.Part(text, settings.LowerCase, !settings.KeepAccents), word => word.Value.EnumerateRunes().Count() > LongestWord ? Vocabulary.Unknown : word.Value);
        return [.. tokenizer.EncodeToIds(words).Select(id => (long)id)];
    }

    // A special token that stands in the text is that token.
    private List<long> CutSpecial(string text)
    {
        List<long> ids = [];
        int done = 0;
        foreach (Match match in SpecialTokens.Matches(text))
        {
            ids.AddRange(Cut(text[done..match.Index]));
            ids.Add(special[match.Value]);
            done = match.Index + match.Length;
        }
        ids.AddRange(Cut(text[done..]));
        return ids;
    }

    /// <summary>Tokenizes texts and pads them to the longest.</summary>
    /// <exception cref="InvalidInputException">There are no texts, or one has no token.</exception>
    public TextInput Encode(IReadOnlyList<string> texts) => TextInput.Pad([.. texts.Select(Tokenize)], Padding);

    /// <summary>A tokenizer with some of the tokens only.</summary>
    /// <param name="kept">Their numbers; the special tokens must be among them.</param>
    /// <param name="settings">Settings of the new one.</param>
    internal WordPiece Reduce(IReadOnlyList<int> kept, TextPreprocessing settings) => new(Path, [.. kept.Select(id => Pieces[id])], settings);

    /// <summary>Writes the vocabulary into a model folder.</summary>
    internal void Save(string folder) => WholeFile.WriteText(System.IO.Path.Combine(folder, settings.Vocabulary), string.Join('\n', Pieces) + "\n");
}
