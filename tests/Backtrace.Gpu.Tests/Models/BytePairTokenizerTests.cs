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
    [TestCase("pre_tokenizer", "{ \"type\": \"Metaspace\" }", "Metaspace")]
    [TestCase("pre_tokenizer", "{ \"type\": \"ByteLevel\", \"add_prefix_space\": true }", "adds a space")]
    [TestCase("pre_tokenizer", "{ \"type\": \"Split\", \"pattern\": { \"Regex\": \"(\" }, \"behavior\": \"Isolated\", \"invert\": false }", "not a byte-level BPE tokenizer")]
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
