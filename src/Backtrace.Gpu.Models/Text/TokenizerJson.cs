using System.Text.Json;
using System.Text.RegularExpressions;
using Backtrace.Gpu.Kernels;

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
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            TokenizerJson json = Read(document.RootElement);
            string folder = Path.GetDirectoryName(path)!;
            PublishedFile? config = PublishedFile.Find(Path.Combine(folder, PublishedTokenizer.ConfigFile));
            if (config is not null)
                json.Check(config);
            AddedToken.Check(folder, config, [.. json.AddedTokens]);
            return json;
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
            throw new FormatException($"its normalizer {Kind(normalizer)} changes the text first, which is not supported.");
        foreach (string key in new[] { "dropout", "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (Optional(model, key) is { } value && value.ToString() is not ("" or "0" or "0.0"))
                throw new FormatException($"its model has {key} {value.GetRawText()}, which is not supported.");
        }
        Dictionary<string, int> vocabulary = model.GetProperty("vocab").Deserialize<Dictionary<string, int>>() ?? throw new FormatException("it has no vocabulary.");
        AddedToken[] added = [.. Items(Optional(root, "added_tokens")).Select(AddedToken.Read)];
        (List<int> before, List<int> after) = Surroundings(Optional(root, "post_processor"), added);
        return new TokenizerJson(
            vocabulary,
            [.. model.GetProperty("merges").EnumerateArray().Select(Merge)],
            Optional(model, "ignore_merges")?.GetBoolean() ?? false,
            added,
            ReadPatterns(Optional(root, "pre_tokenizer") ?? throw new FormatException("it has no pre_tokenizer.")),
            before,
            after);
    }

    // What tokenizer_config.json says overrides this file in transformers; only what changes nothing is taken.
    private void Check(PublishedFile config)
    {
        config.Only("add_prefix_space", "false");
        config.Only("split_special_tokens", "false");
        config.Only("auto_map");
        foreach ((string key, bool isThere) in new[] { ("add_bos_token", Before.Count > 0), ("add_eos_token", After.Count > 0) })
        {
            if (config.Flag(key) is { } isWanted && isWanted != isThere)
                throw config.Refusal(key, $"the post_processor of tokenizer.json {(isThere ? "adds such a token" : "adds none")}, and a contradiction is not supported");
        }
    }

    // "a b" in older files, ["a", "b"] in newer ones.
    private static string Merge(JsonElement merge)
    {
        if (merge.ValueKind == JsonValueKind.String)
            return merge.GetString()!;
        return merge.GetArrayLength() == 2 ? $"{merge[0].GetString()} {merge[1].GetString()}" : throw new FormatException($"its merge {merge.GetRawText()} is no pair of tokens.");
    }

    // The words become bytes in the last step.
    private static Regex[] ReadPatterns(JsonElement step)
    {
        JsonElement[] steps = Kind(step) == "Sequence" ? [.. step.GetProperty("pretokenizers").EnumerateArray()] : [step];
        return steps.Length > 0 && Kind(steps[^1]) == "ByteLevel" && steps.SkipLast(1).All(other => Kind(other) != "ByteLevel")
            ? [.. steps.SelectMany(FindPatterns)]
            : throw new FormatException($"its pre_tokenizer {string.Join(", ", steps.Select(Kind))} does not end with the only ByteLevel step, which is not supported.");
    }

    private static IEnumerable<Regex> FindPatterns(JsonElement step)
    {
        switch (Kind(step))
        {
            case "ByteLevel":
                if (step.GetProperty("add_prefix_space").GetBoolean())
                    throw new FormatException("its ByteLevel step has add_prefix_space true, which is not supported.");
                return Optional(step, "use_regex")?.GetBoolean() ?? true ? [Pattern(WordPattern)] : [];
            case "Split" when step.GetProperty("behavior").GetString() == "Isolated" && !step.GetProperty("invert").GetBoolean():
                JsonElement pattern = step.GetProperty("pattern");
                return [Pattern(Optional(pattern, "Regex")?.GetString() ?? Regex.Escape(pattern.GetProperty("String").GetString()!))];
            default:
                throw new FormatException($"its pre_tokenizer step {step.GetRawText()} is not supported.");
        }
    }

    private static Regex Pattern(string pattern) => pattern.Any(char.IsSurrogate)
        ? throw new FormatException($"its pattern '{pattern}' has a character beyond U+FFFF, which is not supported.")
        : new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.Compiled, PatternTime);

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
            return ([Pair("cls")], [Pair("sep")]);
        if (Kind(step.Value) != "TemplateProcessing")
            throw new FormatException($"its post_processor {Kind(step.Value)} is not supported.");
        int texts = 0;
        foreach (JsonElement part in step.Value.GetProperty("single").EnumerateArray())
        {
            if (Optional(part, "SpecialToken") is { } special)
                (texts == 0 ? before : after).Add(Special(special.GetProperty("id").GetString()!));
            else
                texts++;
        }
        return texts == 1 ? (before, after) : throw new FormatException($"its post_processor has {Counted.Of(texts, "text")} where one is needed.");

        int Pair(string key) => Same(step.Value.GetProperty(key)[1].GetInt32(), step.Value.GetProperty(key)[0].GetString());

        int Special(string content) => Optional(step.Value, "special_tokens") is { } tokens && Optional(tokens, content) is { } token
            ? Same(token.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray() is [var id] ? id : -1, content)
            : Find(added, content);

        int Same(int id, string? content) => Find(added, content) == id ? id : throw new FormatException($"its post_processor does not stand for '{content}' by its one id among added_tokens.");
    }

    private static int Find(AddedToken[] added, string? content) =>
        added.FirstOrDefault(token => token.Content == content)?.Id ?? throw new FormatException($"its post_processor names a token '{content}' that is not among added_tokens.");

    private static string Kind(JsonElement step) => step.GetProperty("type").GetString() ?? "";

    private static JsonElement? Optional(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static IEnumerable<JsonElement> Items(JsonElement? list) => list?.EnumerateArray() ?? Enumerable.Empty<JsonElement>();
}
