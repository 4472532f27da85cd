using System.Text.Json.Nodes;

namespace Backtrace.Gpu.Tests.Models;

/// <summary>A small tokenizer.json in the form of Llama 3: 256 bytes, 12 merges and two special tokens.</summary>
internal static class TokenizerFile
{
    internal const string Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    internal const int Begin = 300, End = 301;

    /// <summary>Pairs in order of rank; 'Ġ' is a space.</summary>
    internal static readonly string[] Merges = ["t h", "h e", "th e", "Ġ the", "i n", "Ġ in", "1 2", "' s", "i g", "n g", "in g", "Ã Ł"];

    /// <summary>Characters that stand for the bytes 0 to 255, as the format defines them.</summary>
    internal static readonly string[] Bytes = [.. Alphabet()];

    /// <summary>The file, to be changed by a test before it is written.</summary>
    internal static JsonObject Create(bool keepWholeWords = false)
    {
        JsonObject vocabulary = [];
        foreach (string token in Bytes.Concat(Merges.Select(merge => merge.Replace(" ", "", StringComparison.Ordinal))))
            vocabulary.Add(token, vocabulary.Count);
        return new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(Added(Begin, "<|begin|>"), Added(End, "<|end|>")),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(
                    new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = Pattern }, ["behavior"] = "Isolated", ["invert"] = false },
                    new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = false }),
            },
            ["post_processor"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["processors"] = new JsonArray(
                    new JsonObject { ["type"] = "ByteLevel" },
                    new JsonObject
                    {
                        ["type"] = "TemplateProcessing",
                        ["single"] = new JsonArray(
                            new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = "<|begin|>", ["type_id"] = 0 } },
                            new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } }),
                    }),
            },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["ignore_merges"] = keepWholeWords,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. Merges.Select(merge => JsonValue.Create(merge))]),
            },
        };
    }

    private static JsonObject Added(int id, string content) => new() { ["id"] = id, ["content"] = content, ["special"] = true };

    // Visible Latin-1 stands for itself; the rest takes characters from U+0100 in order.
    private static IEnumerable<string> Alphabet()
    {
        int moved = 0;
        for (int b = 0; b < 256; b++)
        {
            bool isVisible = b > 0x20 && b < 0x7F || b > 0xA0 && b != 0xAD;
            yield return ((char)(isVisible ? b : 0x100 + moved++)).ToString();
        }
    }
}
