using System.Text;
using System.Text.Json;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Models;

/// <summary>One token per character, by a JSON object that gives each its id.</summary>
public sealed class CharacterTokenizer : TextTokenizer
{
    private readonly Dictionary<Rune, int> ids;
    private readonly string[] characters;

    private CharacterTokenizer(Dictionary<Rune, int> ids)
    {
        this.ids = ids;
        characters = [.. ids.OrderBy(pair => pair.Value).Select(pair => pair.Key.ToString())];
    }

    /// <inheritdoc/>
    public override int VocabularySize => characters.Length;

    /// <summary>Reads the object, such as {"a": 0, "b": 1}.</summary>
    /// <exception cref="ModelException">Missing, damaged, or its ids are not 0, 1, 2, ... of one character each.</exception>
    public static CharacterTokenizer Read(string path)
    {
        if (!File.Exists(path))
            throw new ModelException($"{path}: there is no such vocabulary.");
        Dictionary<Rune, int> ids = [];
        foreach ((string text, int id) in Parse(path))
        {
            if (Rune.DecodeFromUtf16(text, out Rune character, out int length) != System.Buffers.OperationStatus.Done || length != text.Length)
                throw new ModelException($"{path}: '{text}' is not one character.");
            ids.Add(character, id);
        }
        return ids.Count > 0 && ids.Values.Order().SequenceEqual(Enumerable.Range(0, ids.Count))
            ? new CharacterTokenizer(ids)
            : throw new ModelException($"{path}: the ids of {Counted.Of(ids.Count, "character")} are not 0 to {ids.Count - 1}.");
    }

    /// <inheritdoc/>
    public override string TokenText(long id) =>
        id >= 0 && id < characters.Length ? characters[id] : throw new ArgumentOutOfRangeException(nameof(id), id, $"The tokenizer has {Counted.Of(characters.Length, "token")}.");

    /// <inheritdoc/>
    public override string Decode(IEnumerable<long> ids) => string.Concat(ids.Select(TokenText));

    /// <inheritdoc/>
    protected override IEnumerable<int> EncodeToIds(string text)
    {
        if (text.Length == 0)
            throw new InvalidInputException("text", "is empty, the model needs at least one character");
        List<int> result = [];
        foreach (Rune character in text.EnumerateRunes())
            result.Add(ids.TryGetValue(character, out int id) ? id : throw new InvalidInputException("text", $"has '{character}', which the model does not know; it knows {Counted.Of(ids.Count, "character")}"));
        return result;
    }

    private static Dictionary<string, int> Parse(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, int>>(File.ReadAllBytes(path)) ?? [];
        }
        catch (JsonException e)
        {
            throw new ModelException($"{path}: not a vocabulary of characters: {e.Message}", e);
        }
    }
}
