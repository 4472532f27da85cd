using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Models;

public sealed class CharacterTokenizerTests
{
    [Test]
    public void EveryCharacterIsAToken()
    {
        CharacterTokenizer tokenizer = Open("""{"b": 0, "\n": 2, "😀": 1}""");
        TokenizedText text = tokenizer.Tokenize("😀b\nb");
        Assert.That(text.Ids, Is.EqualTo(new long[] { 1, 0, 2, 0 }));
        Assert.That(text.Tokens, Is.EqualTo(new[] { "😀", "b", "\n", "b" }));
        Assert.That(tokenizer.Decode(text.Ids), Is.EqualTo("😀b\nb"));
        Assert.That(tokenizer.VocabularySize, Is.EqualTo(3));
        Assert.That(() => tokenizer.TokenText(3), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [TestCase("", "empty")]
    [TestCase("bé", "'é'")]
    [TestCase("b\uD800", "the model does not know; it knows 1 character")]
    public void TextsOfOtherCharactersAreRefused(string text, string problem) =>
        Assert.That(() => Open("""{"b": 0}""").Tokenize(text), Throws.InstanceOf<InvalidInputException>().With.Message.Contains(problem));

    [TestCase("", "not a vocabulary")]
    [TestCase("{\"a\": 0", "not a vocabulary")]
    [TestCase("[\"a\"]", "not a vocabulary")]
    [TestCase("{\"a\": \"0\"}", "not a vocabulary")]
    [TestCase("{}", "the ids of 0 characters")]
    [TestCase("null", "the ids of 0 characters")]
    [TestCase("{\"a\": 0, \"b\": 2}", "not 0 to 1")]
    [TestCase("{\"a\": 0, \"b\": 0}", "not 0 to 1")]
    [TestCase("{\"ab\": 0}", "'ab' is not one character")]
    [TestCase("{\"\": 0}", "'' is not one character")]
    public void VocabulariesThatMakeNoSenseAreRefused(string json, string problem) =>
        Assert.That(() => Open(json), Throws.InstanceOf<ModelException>().With.Message.Contains(problem).And.Message.Contains("vocab.json"));

    [Test]
    public void AMissingFileIsRefused() =>
        Assert.That(() => CharacterTokenizer.Read("/nowhere/vocab.json"), Throws.InstanceOf<ModelException>().With.Message.Contains("no such vocabulary"));

    private static CharacterTokenizer Open(string json)
    {
        using TemporaryFolder folder = new();
        return CharacterTokenizer.Read(folder.Write("vocab.json", json));
    }
}
