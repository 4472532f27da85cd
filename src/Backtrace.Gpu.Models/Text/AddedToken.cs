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
    private const string Decoder = "added_tokens_decoder", Additional = "additional_special_tokens";

    private static readonly string[] Names = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <summary>One of the list in tokenizer.json.</summary>
    /// <exception cref="FormatException">Without content it would be found between any two letters; or it is asked to be a whole word.</exception>
    internal static AddedToken Read(JsonElement token) => Read(token, token.GetProperty("id").GetInt32());

    /// <summary>Refuses tokenizer_config.json if it names a token that the tokenizer does not have, or has otherwise.</summary>
    internal static void Check(PublishedFile config, IReadOnlyCollection<AddedToken> known)
    {
        IEnumerable<JsonElement> more = config[Additional] is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];
        IEnumerable<(string Key, JsonElement Token)> named = Names.Where(name => config[name] is not null).Select(name => (name, config[name]!.Value)).Concat(more.Select(token => (Additional, token)));
        foreach ((string key, JsonElement token) in named)
        {
            string content = token.ValueKind == JsonValueKind.Object && token.TryGetProperty("content", out JsonElement text) ? text.ToString() : token.ToString();
            if (known.All(other => other.Content != content))
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

    private static AddedToken Read(JsonElement token, int id)
    {
        string content = token.GetProperty("content").GetString() is { Length: > 0 } text ? text : throw new FormatException("one of its added_tokens has no content.");
        return Flag("single_word")
            ? throw new FormatException($"its added token '{content}' has single_word true, which is not supported.")
            : new AddedToken(id, content, Flag("special"), Flag("lstrip"), Flag("rstrip"));

        bool Flag(string name) => token.TryGetProperty(name, out JsonElement flag) && flag.GetBoolean();
    }
}
