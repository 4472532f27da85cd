using System.Text;
using System.Text.Json.Nodes;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Models;

public sealed class BytePairTokenizerTests
{
    // The file has the merges that these words were worked out by, by hand.
    [TestCase("the thing", "<|begin|>|the| |th|ing")]
    [TestCase(" the\n\n  in", "<|begin|>| the|\n|\n| | in")]
    [TestCase("12345 it's", "<|begin|>|12|3|4|5| |i|t|'s")]
    [TestCase("ßé", "<|begin|>|ß|<0xC3>|<0xA9>")]
    [TestCase("a<|end|>the", "<|begin|>|a|<|end|>|the")]
    [TestCase("", "<|begin|>")]
    public void TextsAreCutAsTheFileSays(string text, string tokens) =>
        Assert.That(string.Join('|', Open(TokenizerFile.Create()).Tokenize(text).Tokens), Is.EqualTo(tokens));

    [Test]
    public void AnyTextComesBackAndMergesAreThoseOfASlowReference()
    {
        BytePairTokenizer tokenizer = Open(TokenizerFile.Create());
        Gen<string> words = Gen.Elements("the", "thing", "in", "i", "n", "g", "t", "h", "e", "1", "2", " ", "'s", "\n", "ß", "日", "😀", "\0")
            .ArrayOf().Select(string.Concat);
        Prop.ForAll(Arb.From(words), text =>
        {
            TokenizedText result = tokenizer.Tokenize(text);
            return tokenizer.Decode(result.Ids) == text && result.Ids.Skip(1).SequenceEqual(SlowIds(text));
        }).Check(Seeded.Cases(300));
    }

    [Test]
    public void WholeWordsOfTheVocabularyAreKeptWhenTheFileSaysSo()
    {
        // Without its merge, "Ġin" cannot be reached from pairs.
        JsonObject merged = TokenizerFile.Create(), kept = TokenizerFile.Create(keepWholeWords: true);
        foreach (JsonObject file in new[] { merged, kept })
            file["model"]!["merges"]!.AsArray().RemoveAt(Array.IndexOf(TokenizerFile.Merges, "Ġ in"));
        Assert.That(Open(merged).Tokenize("a in").Tokens, Is.EqualTo(new[] { "<|begin|>", "a", " ", "in" }));
        Assert.That(Open(kept).Tokenize("a in").Tokens, Is.EqualTo(new[] { "<|begin|>", "a", " in" }));
    }

    [Test]
    public void MergesMayBeListsAndTemplatesMayEndATextToo()
    {
        JsonObject file = TokenizerFile.Create();
        file["model"]!["merges"] = new JsonArray([.. TokenizerFile.Merges.Select(merge => new JsonArray([.. merge.Split(' ').Select(part => JsonValue.Create(part))]))]);
        file["post_processor"]!["processors"]![1]!["single"]!.AsArray().Add(new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = "<|end|>" } });
        BytePairTokenizer tokenizer = Open(file);
        TokenizedText text = tokenizer.Tokenize("the");
        Assert.That(text.Tokens, Is.EqualTo(new[] { "<|begin|>", "the", "<|end|>" }));
        Assert.That(tokenizer.Decode(text.Ids), Is.EqualTo("the"));
        Assert.That(tokenizer.VocabularySize, Is.EqualTo(TokenizerFile.End + 1));
        Assert.That(() => tokenizer.TokenText(299), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    // Spaces beside the end token are its own.
    [TestCase("lstrip", "a  <|end|> b", "<|begin|>|a|<|end|>| |b")]
    [TestCase("rstrip", "a  <|end|> \nb", "<|begin|>|a| | |<|end|>|b")]
    public void SpacesBesideAnAddedTokenMayBelongToIt(string flag, string text, string tokens)
    {
        JsonObject file = TokenizerFile.Create();
        file["added_tokens"]![1]![flag] = true;
        Assert.That(string.Join('|', Open(file).Tokenize(text).Tokens), Is.EqualTo(tokens));
    }

    // Bold letters, an old Italic digit and an emoji need two UTF-16 units each; the merges cross from them to the next letter or digit.
    [TestCase("\U0001D5D5a", "<0xF0>|<0x9D>|<0x97>|<0x95><0x61>")]
    [TestCase("1\U000103201", "1|<0xF0>|<0x90>|<0x8C>|<0xA0><0x31>")]
    [TestCase("\U0001F600a", "<0xF0>|<0x9F>|<0x98>|<0x80><0x61>")]
    [TestCase("\U0001F600!", "<0xF0>|<0x9F>|<0x98>|<0x80>|!")]
    [TestCase("\U0001D7CF\U0001D7CF\U0001D7CF1", "<0xF0>|<0x9D>|<0x9F>|<0x8F>|<0xF0>|<0x9D>|<0x9F>|<0x8F>|<0xF0>|<0x9D>|<0x9F>|<0x8F>|1")]
    public void PatternsSeeWholeCharacters(string text, string tokens)
    {
        JsonObject file = TokenizerFile.Create();
        foreach ((byte last, byte next) in new (byte, byte)[] { (0x95, 0x61), (0xA0, 0x31), (0x80, 0x61), (0x8F, 0x31) })
        {
            file["model"]!["vocab"]![TokenizerFile.Bytes[last] + TokenizerFile.Bytes[next]] = file["model"]!["vocab"]!.AsObject().Count;
            file["model"]!["merges"]!.AsArray().Add($"{TokenizerFile.Bytes[last]} {TokenizerFile.Bytes[next]}");
        }
        Assert.That(string.Join('|', Open(file).Tokenize(text).Tokens.Skip(1)), Is.EqualTo(tokens));
    }

    [TestCase("{ \"eos_token\": \"<|end|>\" }", "{ \"eos_token\": { \"content\": \"<|end|>\" } }", null)]
    [TestCase("{ \"bos_token\": \"<x>\" }", "{}", "bos_token is \"<x>\"; this is none")]
    [TestCase("{ \"eos_token\": \"<|begin|>\" }", "{ \"eos_token\": \"<|end|>\" }", "eos_token is \"<|begin|>\"; tokenizer_config.json names '<|end|>'")]
    [TestCase("{ \"bos_token\": \"<x>\" }", "{ \"added_tokens_decoder\": {} }", null)]
    public void TheOlderFileOfSpecialTokensMayNotContradict(string map, string config, string? problem)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("tokenizer.json", TokenizerFile.Create().ToJsonString());
        folder.Write("special_tokens_map.json", map);
        folder.Write("tokenizer_config.json", config);
        Assert.That(() => BytePairTokenizer.Read(path), problem is null ? Throws.Nothing : Throws.InstanceOf<ModelException>().With.Message.Contains("special_tokens_map.json: " + problem));
    }

    [TestCase("add_prefix_space", "true", "add_prefix_space is true; only false is supported")]
    [TestCase("split_special_tokens", "true", "split_special_tokens is true")]
    [TestCase("add_bos_token", "false", "add_bos_token is false; the post_processor of tokenizer.json adds such a token")]
    [TestCase("add_eos_token", "true", "add_eos_token is true; the post_processor of tokenizer.json adds none")]
    [TestCase("pad_token", "\"the\"", "pad_token is \"the\"; this is none")]
    [TestCase("additional_special_tokens", "[\"<x>\"]", "additional_special_tokens")]
    [TestCase("extra_special_tokens", "{ \"image_token\": \"<x>\" }", "extra_special_tokens")]
    [TestCase("added_tokens_decoder", "{ \"302\": { \"content\": \"<x>\", \"special\": true } }", "added_tokens_decoder.302 is")]
    [TestCase("added_tokens_decoder", "{ \"301\": { \"content\": \"<|end|>\", \"special\": true, \"lstrip\": true } }", "added_tokens_decoder.301 is")]
    [TestCase("added_tokens_decoder", "{ \"300\": { \"content\": \"<|begin|>\", \"special\": true } }", null)]
    [TestCase("add_bos_token", "true", null)]
    [TestCase("pad_token", "{ \"content\": \"<|end|>\" }", null)]
    public void SettingsBesideTheFileAreTakenOrRefused(string key, string value, string? problem)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("tokenizer.json", TokenizerFile.Create().ToJsonString());
        folder.Write("tokenizer_config.json", $"{{ \"{key}\": {value} }}");
        Assert.That(() => BytePairTokenizer.Read(path), problem is null ? Throws.Nothing : Throws.InstanceOf<ModelException>().With.Message.Contains("tokenizer_config.json: " + problem));
    }

    [TestCase("model.merges", null, "not a byte-level BPE tokenizer")]
    [TestCase("model.vocab", null, "not a byte-level BPE tokenizer")]
    [TestCase("model", "[]", "not a byte-level BPE tokenizer")]
    [TestCase("model.type", "\"Unigram\"", "Unigram")]
    [TestCase("model.merges", "[\"x y\"]", "contradicts itself")]
    [TestCase("model.merges", "[\"xy\"]", "contradicts itself")]
    [TestCase("model.merges", "[3]", "not a byte-level BPE tokenizer")]
    [TestCase("model.merges", "[[\"a\"]]", "no pair of tokens")]
    [TestCase("model.merges", "[[\"a\", \"b\", \"c\"]]", "no pair of tokens")]
    [TestCase("model.vocab.a", null, "lacks the byte 'a'")]
    [TestCase("model.vocab.a", "-1", "-1 is not between 0")]
    [TestCase("model.vocab.a", "2147483647", "2147483647 is not between 0")]
    [TestCase("model.vocab.a", "12", "12 is given twice")]
    [TestCase("model.vocab.a", "1e99", "not a byte-level BPE tokenizer")]
    [TestCase("model.vocab.日", "700", "no sequence of bytes")]
    [TestCase("normalizer", "{ \"type\": \"NFC\" }", "NFC")]
    [TestCase("pre_tokenizer", null, "no pre_tokenizer")]
    [TestCase("pre_tokenizer", "{ \"type\": \"Metaspace\" }", "its pre_tokenizer Metaspace does not end")]
    [TestCase("pre_tokenizer", "{ \"type\": \"ByteLevel\", \"add_prefix_space\": true }", "add_prefix_space true")]
    [TestCase("pre_tokenizer", "{ \"type\": \"Split\", \"pattern\": { \"Regex\": \"(\" }, \"behavior\": \"Isolated\", \"invert\": false }", "not a byte-level BPE tokenizer")]
    [TestCase("pre_tokenizer", "{ \"type\": \"Sequence\", \"pretokenizers\": [{ \"type\": \"ByteLevel\", \"add_prefix_space\": false }, { \"type\": \"Digits\" }] }", "ByteLevel, Digits does not end")]
    [TestCase("pre_tokenizer", "{ \"type\": \"Sequence\", \"pretokenizers\": [] }", "does not end with the only ByteLevel")]
    [TestCase("model.dropout", "0.1", "dropout 0.1, which is not supported")]
    [TestCase("model.continuing_subword_prefix", "\"##\"", "continuing_subword_prefix \"##\"")]
    [TestCase("model.end_of_word_suffix", "\"</w>\"", "end_of_word_suffix")]
    [TestCase("added_tokens", "[{ \"id\": 300, \"content\": \"<|begin|>\", \"special\": true, \"single_word\": true }]", "'<|begin|>' has single_word true")]
    [TestCase("post_processor", "{ \"type\": \"RobertaProcessing\", \"cls\": [\"<|begin|>\", 301], \"sep\": [\"<|end|>\", 301] }", "'<|begin|>' by its one id")]
    [TestCase("post_processor", "{ \"type\": \"TemplateProcessing\", \"single\": [{ \"SpecialToken\": { \"id\": \"<|begin|>\" } }, { \"Sequence\": { \"id\": \"A\" } }], \"special_tokens\": { \"<|begin|>\": { \"ids\": [301, 300] } } }", "'<|begin|>' by its one id")]
    [TestCase("post_processor", "{ \"type\": \"TemplateProcessing\", \"single\": [{ \"Sequence\": { \"id\": \"A\" } }, { \"Sequence\": { \"id\": \"A\" } }] }", "has 2 texts where one is needed")]
    [TestCase("post_processor", "{ \"type\": \"BertProcessing\" }", "BertProcessing")]
    [TestCase("added_tokens", "[]", "<|begin|>")]
    [TestCase("added_tokens", "[{ \"id\": 2147483647, \"content\": \"<|begin|>\", \"special\": true }]", "2147483647 is not between 0")]
    [TestCase("added_tokens", "[{ \"id\": 300, \"content\": \"\", \"special\": true }]", "no content")]
    [TestCase("added_tokens", "[{ \"id\": 300, \"content\": null, \"special\": true }]", "no content")]
    [TestCase("added_tokens", "{}", "not a byte-level BPE tokenizer")]
    public void FilesThatMakeNoSenseAreRefused(string place, string? value, string problem)
    {
        JsonObject file = TokenizerFile.Create(), parent = file;
        string[] names = place.Split('.');
        foreach (string name in names[..^1])
            parent = parent[name]!.AsObject();
        parent.Remove(names[^1]);
        if (value is not null)
            parent.Add(names[^1], JsonNode.Parse(value));
        Assert.That(() => Open(file), Throws.InstanceOf<ModelException>().With.Message.Contains(problem).And.Message.Contains("tokenizer.json"));
    }

    [Test]
    public void AMissingFileAndOneCutShortAreRefused()
    {
        using TemporaryFolder folder = new();
        Assert.That(() => BytePairTokenizer.Read(folder.File("tokenizer.json")), Throws.InstanceOf<ModelException>().With.Message.Contains("no such tokenizer"));
        folder.Write("tokenizer.json", TokenizerFile.Create().ToJsonString()[..^2]);
        Assert.That(() => BytePairTokenizer.Read(folder.File("tokenizer.json")), Throws.InstanceOf<ModelException>().With.Message.Contains("not a byte-level BPE"));
    }

    [Test]
    public void APatternThatTakesForeverIsStopped()
    {
        JsonObject file = TokenizerFile.Create();
        file["pre_tokenizer"]!["pretokenizers"]![0]!["pattern"]!["Regex"] = "(a+)+$";
        BytePairTokenizer tokenizer = Open(file);
        Assert.That(() => tokenizer.Tokenize(new string('a', 60) + "!"), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("pattern"));
    }

    private static BytePairTokenizer Open(JsonObject file)
    {
        using TemporaryFolder folder = new();
        return BytePairTokenizer.Read(folder.Write("tokenizer.json", file.ToJsonString()));
    }

    // The lowest rank first, leftmost among equals, by looking at all pairs again each time.
    private static IEnumerable<long> SlowIds(string text)
    {
        foreach (System.Text.RegularExpressions.Match word in System.Text.RegularExpressions.Regex.Matches(text, TokenizerFile.Pattern))
        {
            List<string> parts = [.. Encoding.UTF8.GetBytes(word.Value).Select(b => TokenizerFile.Bytes[b])];
            while (true)
            {
                int[] ranks = [.. parts.Zip(parts.Skip(1), (a, b) => Array.IndexOf(TokenizerFile.Merges, $"{a} {b}")).Select(rank => rank < 0 ? int.MaxValue : rank)];
                if (ranks.Length == 0 || ranks.Min() == int.MaxValue)
                    break;
                int at = Array.IndexOf(ranks, ranks.Min());
                parts[at] += parts[at + 1];
                parts.RemoveAt(at + 1);
            }
            foreach (string part in parts)
                yield return Array.IndexOf(TokenizerFile.Bytes, part) is >= 0 and int b ? b : 256 + Array.FindIndex(TokenizerFile.Merges, merge => merge.Replace(" ", "", StringComparison.Ordinal) == part);
        }
    }
}
