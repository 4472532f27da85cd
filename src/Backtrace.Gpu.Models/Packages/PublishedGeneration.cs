using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backtrace.Gpu.Models;

/// <summary>
/// How a published folder wants texts to be continued: generation_config.json, or the configuration of the network where there is no such file. As in
/// transformers the one takes the place of the other as a whole: if it names no token that ends a text, none does.
/// </summary>
/// <param name="EndTokens">Tokens that end a text.</param>
/// <param name="Problem">Why the most likely tokens are not what transformers would add; null if they are.</param>
internal sealed record PublishedGeneration(IReadOnlyList<long> EndTokens, string? Problem)
{
    /// <summary>Name of the file.</summary>
    internal const string File = "generation_config.json";

    // What changes the tokens of greedy search, with the values that do not. Settings of sampling do not count: the most likely token is always taken.
    private static readonly (string Key, string[] Neutral)[] Changing =
    [
        ("num_beams", ["1"]), ("penalty_alpha", ["0"]), ("repetition_penalty", ["1"]), ("no_repeat_ngram_size", ["0"]), ("guidance_scale", ["1"]),
        ("min_length", ["0"]), ("min_new_tokens", ["0"]), ("bad_words_ids", ["[]"]), ("suppress_tokens", ["[]"]), ("begin_suppress_tokens", ["[]"]),
        ("sequence_bias", ["[]", "{}"]), ("forced_bos_token_id", []), ("forced_eos_token_id", []), ("exponential_decay_length_penalty", []),
        ("stop_strings", ["[]"]), ("dola_layers", []), ("watermarking_config", []),
    ];

    /// <summary>Reads the folder of a network.</summary>
    /// <param name="configFile">Path of the network's configuration.</param>
    /// <exception cref="ModelException">A file is damaged.</exception>
    internal static PublishedGeneration Read(string configFile)
    {
        PublishedFile file = PublishedFile.Find(Path.Combine(Path.GetDirectoryName(configFile)!, File)) ?? new PublishedFile(configFile);
        (string key, _) = Changing.FirstOrDefault(setting => !file.IsOnly(setting.Key, setting.Neutral));
        return new PublishedGeneration(file.As<Ends>(JsonSerializerOptions.Default).Tokens, key is null ? null : file.Refusal(key, "only the most likely token of each step can be added").Message);
    }

    private sealed record Ends
    {
        [JsonPropertyName("eos_token_id")]
        [JsonConverter(typeof(OneOrMoreConverter))]
        public IReadOnlyList<long> Tokens { get; init; } = [];
    }
}
