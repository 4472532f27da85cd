using System.Text;
using Microsoft.ML.Tokenizers;

namespace Backtrace.Gpu.Models;

/// <summary>Cuts texts into the pieces of a vocabulary, as BERT does.</summary>
public sealed class WordPiece
{
    private readonly WordPieceTokenizer tokenizer;
    private readonly TextPreprocessing settings;
    private readonly long first, last;

    private WordPiece(string path, string[] pieces, TextPreprocessing settings)
    {
        Path = path;
        Pieces = pieces;
        this.settings = settings;
        Padding = Array.IndexOf(pieces, Vocabulary.Padding);
        first = Array.IndexOf(pieces, Vocabulary.First);
        last = Array.IndexOf(pieces, Vocabulary.Last);
        using MemoryStream lines = new(Encoding.UTF8.GetBytes(string.Join('\n', pieces)));
        tokenizer = WordPieceTokenizer.Create(lines, new WordPieceOptions { PreTokenizer = PreTokenizer.CreateWhiteSpace() });
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
    internal long Padding { get; }

    /// <summary>Cuts one text into tokens, at most as many as the settings allow.</summary>
    public TokenizedText Tokenize(string text)
    {
        List<EncodedToken> tokens = [.. tokenizer.EncodeToTokens(BasicTokenizer.Part(text, settings.LowerCase, !settings.KeepAccents), out _)];
        int room = settings.MaximumLength - (settings.SpecialTokens ? 2 : 0);
        bool isCut = tokens.Count > room;
        if (isCut)
            tokens.RemoveRange(room, tokens.Count - room);
        IEnumerable<long> ids = tokens.Select(token => (long)token.Id);
        IEnumerable<string> pieces = tokens.Select(token => Pieces[token.Id]);
        return settings.SpecialTokens
            ? new TokenizedText(text, [first, .. ids, last], [Vocabulary.First, .. pieces, Vocabulary.Last], isCut)
            : new TokenizedText(text, [.. ids], [.. pieces], isCut);
    }

    /// <summary>Tokenizes texts and pads them to the longest.</summary>
    /// <exception cref="InvalidInputException">There are no texts, or one has no token.</exception>
    public TextInput Encode(IReadOnlyList<string> texts) => TextInput.Pad([.. texts.Select(Tokenize)], Padding);

    /// <summary>A tokenizer with some of the tokens only.</summary>
    /// <param name="kept">Their numbers; the special tokens must be among them.</param>
    /// <param name="settings">Settings of the new one.</param>
    internal WordPiece Reduce(IReadOnlyList<int> kept, TextPreprocessing settings) => new(Path, [.. kept.Select(id => Pieces[id])], settings);

    /// <summary>Writes the vocabulary into a model folder.</summary>
    internal void Save(string folder) => File.WriteAllText(System.IO.Path.Combine(folder, settings.Vocabulary), string.Join('\n', Pieces) + "\n");
}
