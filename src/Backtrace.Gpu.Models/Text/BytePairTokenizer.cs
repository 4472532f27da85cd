using System.Text;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;

namespace Backtrace.Gpu.Models;

/// <summary>
/// Byte-level BPE from a tokenizer.json of Hugging Face, as Llama 3 and GPT-2 have it: special tokens are cut out, patterns cut the rest into
/// words, and the bytes of a word are merged pair by pair.
/// </summary>
public sealed class BytePairTokenizer : TextTokenizer
{
    // No network knows as many tokens.
    private const int MaximumId = (1 << 24) - 1;

    // The words are cut before; this one takes each as it is.
    private static readonly RegexPreTokenizer WholeText = new(new Regex(@"(?s).+", RegexOptions.CultureInvariant), null);

    private readonly TokenizerJson json;
    private readonly BpeTokenizer merger;
    private readonly Regex? added;
    private readonly Dictionary<string, AddedToken> addedTokens;
    private readonly Dictionary<long, byte[]> bytes = [];
    private readonly HashSet<long> hidden;

    private BytePairTokenizer(TokenizerJson json)
    {
        this.json = json;
        addedTokens = json.AddedTokens.ToDictionary(token => token.Content);
        hidden = [.. json.AddedTokens.Where(token => token.IsSpecial).Select(token => (long)token.Id)];
        added = addedTokens.Count == 0 ? null : new Regex(string.Join("|", json.AddedTokens.OrderByDescending(token => token.Content.Length).Select(Pattern)), RegexOptions.CultureInvariant);
        foreach ((string token, int id) in json.Vocabulary)
            Add(id, addedTokens.ContainsKey(token) ? Encoding.UTF8.GetBytes(token) : ByteAlphabet.ToBytes(token) ?? throw new FormatException($"'{token}' is no sequence of bytes."));
        foreach (AddedToken token in json.AddedTokens.Where(token => !json.Vocabulary.ContainsKey(token.Content)))
            Add(token.Id, Encoding.UTF8.GetBytes(token.Content));
        if (ByteAlphabet.All.FirstOrDefault(c => !json.Vocabulary.ContainsKey(c.ToString())) is not '\0' and char missing)
            throw new FormatException($"the vocabulary lacks the byte '{missing}'.");
        merger = BpeTokenizer.Create(new BpeOptions(json.Vocabulary) { Merges = json.Merges, PreTokenizer = WholeText });
        VocabularySize = (int)bytes.Keys.Max() + 1;
    }

    /// <inheritdoc/>
    public override int VocabularySize { get; }

    /// <inheritdoc/>
    public override bool Knows(long id) => bytes.ContainsKey(id);

    /// <summary>Reads tokenizer.json.</summary>
    /// <exception cref="ModelException">Missing, damaged, without merges, or of another kind of tokenizer.</exception>
    public static BytePairTokenizer Read(string path)
    {
        TokenizerJson json = TokenizerJson.Read(path);
        try
        {
            return new BytePairTokenizer(json);
        }
        catch (Exception e) when (e is FormatException or ArgumentException or InvalidOperationException)
        {
            throw new ModelException($"{path}: the tokenizer contradicts itself: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public override string TokenText(long id) => ByteText.Show(Bytes(id));

    /// <inheritdoc/>
    public override string Decode(IEnumerable<long> ids) => Encoding.UTF8.GetString([.. ids.Where(id => !hidden.Contains(id)).SelectMany(Bytes)]);

    /// <inheritdoc/>
    protected override IEnumerable<int> EncodeToIds(string text)
    {
        try
        {
            return Encode(text);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new InvalidInputException("text", $"takes the tokenizer's pattern '{e.Pattern}' too long", inner: e);
        }
    }

    private List<int> Encode(string text)
    {
        List<int> ids = [.. json.Before];
        foreach (string part in Cut(text, added))
        {
            if (addedTokens.TryGetValue(part, out AddedToken? token) || addedTokens.TryGetValue(part.Trim(), out token))
                ids.Add(token.Id);
            else
                ids.AddRange(Words(part).SelectMany(Merge));
        }
        ids.AddRange(json.After);
        return ids;
    }

    private IEnumerable<string> Words(string text)
    {
        IEnumerable<string> words = [text];
        foreach (Regex pattern in json.Patterns)
            words = words.SelectMany(word => word.Any(char.IsSurrogate) ? CutRunes(word, pattern) : Cut(word, pattern));
        return words;
    }

    private static string Pattern(AddedToken token) => (token.TakesSpaceBefore ? @"\s*" : "") + Regex.Escape(token.Content) + (token.TakesSpaceAfter ? @"\s*" : "");

    // Patterns are meant for code points, and a Regex of .NET takes half a surrogate pair for one: a character of the same category stands for each pair.
    private static IEnumerable<string> CutRunes(string text, Regex pattern)
    {
        Rune[] runes = [.. text.EnumerateRunes()];
        int done = 0;
        foreach (string part in Cut(string.Concat(runes.Select(StandIns.Of)), pattern))
        {
            yield return string.Concat(runes[done..(done + part.Length)]);
            done += part.Length;
        }
    }

    private IReadOnlyList<int> Merge(string word)
    {
        string characters = ByteAlphabet.ToCharacters(Encoding.UTF8.GetBytes(word));
        return json.KeepsWholeWords && json.Vocabulary.TryGetValue(characters, out int id) ? [id] : merger.EncodeToIds(characters);
    }

    // Matches and what lies between them, in order.
    private static IEnumerable<string> Cut(string text, Regex? pattern)
    {
        int done = 0;
        foreach (Match match in pattern?.Matches(text) ?? Enumerable.Empty<Match>())
        {
            if (match.Index > done)
                yield return text[done..match.Index];
            if (match.Length > 0)
                yield return match.Value;
            done = match.Index + match.Length;
        }
        if (done < text.Length)
            yield return text[done..];
    }

    private byte[] Bytes(long id) =>
        bytes.TryGetValue(id, out byte[]? found) ? found : throw new ArgumentOutOfRangeException(nameof(id), id, "There is no such token.");

    private void Add(int id, byte[] token)
    {
        if (id is < 0 or > MaximumId)
            throw new FormatException($"the id {id} is not between 0 and {MaximumId}.");
        if (!bytes.TryAdd(id, token))
            throw new FormatException($"the id {id} is given twice.");
    }
}
