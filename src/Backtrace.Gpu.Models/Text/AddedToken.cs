using System.Globalization;
using System.Text.Json;

namespace Backtrace.Gpu.Models;

/// <summary>A token that is found in the text before anything else.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Content">Its text.</param>
/// <param name="IsSpecial">True when it is no part of what people write.</param>
/// <param name="TakesSpaceBefore">True when spaces before it belong to it.</param>
/// <param name="TakesSpaceAfter">True when spaces after it belong to it.</param>
internal sealed record AddedToken(int Id, string Content, bool IsSpecial, bool TakesSpaceBefore = false, bool TakesSpaceAfter = false)
{
    private const string Decoder = "added_tokens_decoder", MapFile = "special_tokens_map.json";

    private static readonly string[] Lists = ["additional_special_tokens", "extra_special_tokens"];

    private static readonly string[] Names = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <summary>One of the list in tokenizer.json.</summary>
    /// <exception cref="FormatException">Without content it would be found between any two letters; or it is asked to be a whole word.</exception>
    internal static AddedToken Read(JsonElement token) => Read(token, token.GetProperty("id").GetInt32());

    /// <summary>Refuses the settings of a tokenizer if they name a token that it does not have, or has otherwise.</summary>
    /// <param name="folder">The tokenizer's folder.</param>
    /// <param name="config">Its tokenizer_config.json, if there is one.</param>
    /// <param name="known">The tokens that it finds in texts.</param>
    /// <exception cref="ModelException">They do.</exception>
    internal static void Check(string folder, PublishedFile? config, IReadOnlyCollection<AddedToken> known)
    {
        if (config is not null)
            Check(config, known);
        if (FindMap(folder, config) is not { } map)
            return;
        Check(map, known);
        // Which file wins depends on the version of transformers.
        foreach (string name in Names)
        {
            if (config?[name] is { } stated && map[name] is { } other && ContentOf(stated) != ContentOf(other))
                throw map.Refusal(name, $"{PublishedTokenizer.ConfigFile} names '{ContentOf(stated)}', and a contradiction is not supported");
        }
    }

    /// <summary>special_tokens_map.json, the older file; as in transformers it counts only where tokenizer_config.json does not list the tokens.</summary>
    internal static PublishedFile? FindMap(string folder, PublishedFile? config) => config?[Decoder] is null ? PublishedFile.Find(Path.Combine(folder, MapFile)) : null;

    private static void Check(PublishedFile config, IReadOnlyCollection<AddedToken> known)
    {
        IEnumerable<(string Key, JsonElement Token)> named = Names.Where(name => config[name] is not null).Select(name => (name, config[name]!.Value)).Concat(Lists.SelectMany(key => Listed(config[key]).Select(token => (key, token))));
        foreach ((string key, JsonElement token) in named)
        {
            if (known.All(other => other.Content != ContentOf(token)))
                throw config.Refusal(key, "this is none of the tokenizer's added tokens, which is not supported");
        }
        if (config[Decoder] is not { } decoder)
            return;
        foreach (JsonProperty token in decoder.ValueKind == JsonValueKind.Object ? decoder.EnumerateObject() : default)
        {
            if (!IsKnown(token))
                throw config.Refusal($"{Decoder}.{token.Name}", "this is none of the tokenizer's added tokens, or has other properties there, which is not supported");
        }

        bool IsKnown(JsonProperty token)
        {
            try
            {
                return known.Contains(Read(token.Value, int.Parse(token.Name, CultureInfo.InvariantCulture)));
            }
            catch (Exception e) when (e is FormatException or OverflowException or InvalidOperationException or KeyNotFoundException)
            {
                return false;
            }
        }
    }

    private static string ContentOf(JsonElement token) =>
        token.ValueKind == JsonValueKind.Object && token.TryGetProperty("content", out JsonElement text) ? text.ToString() : token.ToString();

    // A list, or names with a token each.
    private static IEnumerable<JsonElement> Listed(JsonElement? tokens) => tokens switch
    {
        { ValueKind: JsonValueKind.Array } list => list.EnumerateArray(),
        { ValueKind: JsonValueKind.Object } named => named.EnumerateObject().Select(token => token.Value),
        _ => [],
    };

    private static AddedToken Read(JsonElement token, int id)
    {
        string content = token.GetProperty("content").GetString() is { Length: > 0 } text ? text : throw new FormatException("one of its added_tokens has no content.");
        return Flag("single_word")
            ? throw new FormatException($"its added token '{content}' has single_word true, which is not supported.")
            : new AddedToken(id, content, Flag("special"), Flag("lstrip"), Flag("rstrip"));

        bool Flag(string name) => token.TryGetProperty(name, out JsonElement flag) && flag.GetBoolean();
    }
}
