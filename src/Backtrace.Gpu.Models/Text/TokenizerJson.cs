using System.Text.Json;
using System.Text.RegularExpressions;

namespace Backtrace.Gpu.Models;

/// <summary>What a byte-level tokenizer.json of Hugging Face says.</summary>
internal sealed record TokenizerJson(
    IReadOnlyDictionary<string, int> Vocabulary,
    IReadOnlyList<string> Merges,
    bool KeepsWholeWords,
    IReadOnlyList<AddedToken> AddedTokens,
    IReadOnlyList<Regex> Patterns,
    IReadOnlyList<int> Before,
    IReadOnlyList<int> After)
{
    // The pattern of GPT-2, which a ByteLevel step implies.
    private const string WordPattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    // For one match. Patterns come from files; some take forever.
    private static readonly TimeSpan PatternTime = TimeSpan.FromSeconds(1);

    /// <exception cref="ModelException">Missing, damaged, or of another kind of tokenizer.</exception>
    internal static TokenizerJson Read(string path)
    {
        if (!File.Exists(path))
            throw new ModelException($"{path}: there is no such tokenizer.");
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
            return Read(json.RootElement);
        }
        catch (Exception e) when (e is JsonException or IndexOutOfRangeException or InvalidOperationException or KeyNotFoundException or FormatException or ArgumentException)
        {
            throw new ModelException($"{path}: not a byte-level BPE tokenizer: {e.Message}", e);
        }
    }

    private static TokenizerJson Read(JsonElement root)
    {
        JsonElement model = root.GetProperty("model");
        if (model.TryGetProperty("type", out JsonElement type) && type.GetString() != "BPE")
            throw new FormatException($"its model is of type {type.GetString()}.");
        if (Optional(root, "normalizer") is { } normalizer)
            throw new FormatException($"it changes the text first ({Kind(normalizer)}), which is not supported.");
        Dictionary<string, int> vocabulary = model.GetProperty("vocab").Deserialize<Dictionary<string, int>>() ?? throw new FormatException("it has no vocabulary.");
        AddedToken[] added = [.. Items(Optional(root, "added_tokens")).Select(Added)];
        (List<int> before, List<int> after) = Surroundings(Optional(root, "post_processor"), added);
        return new TokenizerJson(
            vocabulary,
            [.. model.GetProperty("merges").EnumerateArray().Select(Merge)],
            Optional(model, "ignore_merges")?.GetBoolean() ?? false,
            added,
            [.. FindPatterns(Optional(root, "pre_tokenizer") ?? throw new FormatException("it has no pre_tokenizer."))],
            before,
            after);
    }

    // Without content it would be found between any two letters.
    private static AddedToken Added(JsonElement token) => token.GetProperty("content").GetString() is { Length: > 0 } content
        ? new AddedToken(token.GetProperty("id").GetInt32(), content, token.GetProperty("special").GetBoolean())
        : throw new FormatException("one of its added_tokens has no content.");

    // "a b" in older files, ["a", "b"] in newer ones.
    private static string Merge(JsonElement merge)
    {
        if (merge.ValueKind == JsonValueKind.String)
            return merge.GetString()!;
        return merge.GetArrayLength() == 2 ? $"{merge[0].GetString()} {merge[1].GetString()}" : throw new FormatException($"its merge {merge.GetRawText()} is no pair of tokens.");
    }

    private static IEnumerable<Regex> FindPatterns(JsonElement step)
    {
        switch (Kind(step))
        {
            case "Sequence":
                return step.GetProperty("pretokenizers").EnumerateArray().SelectMany(FindPatterns);
            case "ByteLevel":
                if (step.GetProperty("add_prefix_space").GetBoolean())
                    throw new FormatException("its ByteLevel step adds a space, which is not supported.");
                return Optional(step, "use_regex")?.GetBoolean() ?? true ? [Pattern(WordPattern)] : [];
            case "Split" when step.GetProperty("behavior").GetString() == "Isolated" && !step.GetProperty("invert").GetBoolean():
                JsonElement pattern = step.GetProperty("pattern");
                return [Pattern(Optional(pattern, "Regex")?.GetString() ?? Regex.Escape(pattern.GetProperty("String").GetString()!))];
            default:
                throw new FormatException($"its pre_tokenizer step {step.GetRawText()} is not supported.");
        }
    }

    private static Regex Pattern(string pattern) => new(pattern, RegexOptions.CultureInvariant | RegexOptions.Compiled, PatternTime);

    // The special tokens of the template for one text.
    private static (List<int> Before, List<int> After) Surroundings(JsonElement? step, AddedToken[] added)
    {
        List<int> before = [], after = [];
        if (step is null || Kind(step.Value) == "ByteLevel")
            return (before, after);
        if (Kind(step.Value) == "Sequence")
        {
            JsonElement[] templates = [.. step.Value.GetProperty("processors").EnumerateArray().Where(processor => Kind(processor) != "ByteLevel")];
            return templates.Length > 1 ? throw new FormatException("it has several post_processors.") : Surroundings(templates.Length == 0 ? null : templates[0], added);
        }
        if (Kind(step.Value) == "RobertaProcessing")
            return ([Find(added, step.Value.GetProperty("cls")[0].GetString())], [Find(added, step.Value.GetProperty("sep")[0].GetString())]);
        if (Kind(step.Value) != "TemplateProcessing")
            throw new FormatException($"its post_processor {Kind(step.Value)} is not supported.");
        bool isBefore = true;
        foreach (JsonElement part in step.Value.GetProperty("single").EnumerateArray())
        {
            if (Optional(part, "SpecialToken") is { } special)
                (isBefore ? before : after).Add(Find(added, special.GetProperty("id").GetString()));
            else
                isBefore = false;
        }
        return (before, after);
    }

    private static int Find(AddedToken[] added, string? content) =>
        added.FirstOrDefault(token => token.Content == content)?.Id ?? throw new FormatException($"its post_processor names a token '{content}' that is not among added_tokens.");

    private static string Kind(JsonElement step) => step.GetProperty("type").GetString() ?? "";

    private static JsonElement? Optional(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static IEnumerable<JsonElement> Items(JsonElement? list) => list?.EnumerateArray() ?? Enumerable.Empty<JsonElement>();
}

/// <summary>A token that is found in the text before anything else.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Content">Its text.</param>
/// <param name="IsSpecial">True when it is no part of what people write.</param>
internal sealed record AddedToken(int Id, string Content, bool IsSpecial);
