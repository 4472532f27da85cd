using System.Globalization;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>
/// The values of --target. Each is a name, a number, argmax or top:N, or several of these with commas between them. A name goes before several where both fit,
/// so one that has a comma in it is written alone. The name of a class also goes before argmax, top:N and numbers. A token's goes before numbers only: argmax is
/// the default, and vocabularies may hold that very word; such a token is reached by its number. What is named twice counts once.
/// </summary>
internal static class TargetList
{
    /// <summary>Reads targets of a classifier: names of classes, or their numbers.</summary>
    /// <exception cref="UsageException">No such class.</exception>
    internal static IReadOnlyList<TargetChoice> Parse(IReadOnlyList<string> values, IReadOnlyList<string> classes) => Parse(
        values,
        text => Named(text, classes) ?? Ranks(text, classes.Count) ?? Numbered(text, classes),
        text => $"'{text}' is neither argmax nor a class.{NearNames.Hint(text, classes)} Classes: {List(classes)}.");

    /// <summary>Reads targets of a language model: tokens as the tokenizer writes them, without or with the space before them, or their numbers.</summary>
    /// <exception cref="UsageException">No such token.</exception>
    internal static IReadOnlyList<TargetChoice> ParseTokens(IReadOnlyList<string> values, TextTokenizer tokenizer) => Parse(
        values,
        text => Ranks(text, tokenizer.VocabularySize) ?? Token(text, tokenizer),
        text => $"'{text}' is neither argmax nor one token of the model; it has {tokenizer.VocabularySize} (0 to {tokenizer.VocabularySize - 1}), mostly parts of words.");

    private static TargetChoice[] Parse(IReadOnlyList<string> values, Func<string, TargetChoice[]?> find, Func<string, string> refusal)
    {
        TargetChoice[] all = [.. values.SelectMany(value => find(value) ?? Split(value)).DistinctBy(choice => (choice.Class, choice.Rank))];
        if (all.Length == 1)
            return all;
        HashSet<string> suffixes = new(StringComparer.OrdinalIgnoreCase);
        return [.. all.Select((choice, k) => choice with { Suffix = Free("-" + Words.Stem(choice.Name.Trim()), k) })];

        IEnumerable<TargetChoice> Split(string value)
        {
            string[] parts = value.Contains(',', StringComparison.Ordinal) ? value.Split(',', StringSplitOptions.RemoveEmptyEntries) : [];
            return parts.Length == 0
                ? throw new UsageException($"--target: {refusal(value)}")
                : parts.SelectMany(part => find(part) ?? find(part.Trim()) ?? throw new UsageException($"--target: {refusal(part.Trim())} A name with a comma in it needs a --target of its own."));
        }

        string Free(string suffix, int k)
        {
            while (!suffixes.Add(suffix))
                suffix += $"_{k}";
            return suffix;
        }
    }

    private static TargetChoice[]? Ranks(string text, int count)
    {
        if (string.Equals(text, "argmax", StringComparison.OrdinalIgnoreCase))
            return [TargetChoice.Argmax];
        if (!text.StartsWith("top:", StringComparison.OrdinalIgnoreCase) || text.Contains(',', StringComparison.Ordinal))
            return null;
        return int.TryParse(text.AsSpan(4), NumberStyles.None, CultureInfo.InvariantCulture, out int most) && most >= 1 && most <= count
            ? [.. Enumerable.Range(0, most).Select(rank => new TargetChoice(null, rank))]
            : throw new UsageException($"--target: '{text}' needs a whole number from 1 to {count}, as in top:1.");
    }

    private static TargetChoice[]? Named(string text, IReadOnlyList<string> classes)
    {
        for (int k = 0; k < classes.Count; k++)
        {
            if (string.Equals(classes[k], text, StringComparison.OrdinalIgnoreCase))
                return [new TargetChoice(k) { Name = classes[k] }];
        }

        return null;
    }

    private static TargetChoice[]? Numbered(string text, IReadOnlyList<string> classes)
    {
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int index))
            return null;
        return index >= 0 && index < classes.Count
            ? [new TargetChoice(index) { Name = classes[index] }]
            : throw new UsageException($"--target: class {index} is out of range; the model has {classes.Count} (0 to {classes.Count - 1}): {List(classes)}.");
    }

    private static TargetChoice[]? Token(string text, TextTokenizer tokenizer)
    {
        foreach (string wanted in new[] { text, " " + text })
        {
            for (int id = 0; id < tokenizer.VocabularySize; id++)
            {
                if (tokenizer.Knows(id) && tokenizer.TokenText(id) == wanted)
                    return [new TargetChoice(id) { Name = wanted }];
            }
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < tokenizer.VocabularySize
            ? [new TargetChoice(number) { Name = Piece.TextOfChoice(number, tokenizer) }]
            : null;
    }

    private static string List(IReadOnlyList<string> classes) =>
        string.Join(", ", classes.Take(20)) + (classes.Count > 20 ? $" and {classes.Count - 20} more" : "");
}
