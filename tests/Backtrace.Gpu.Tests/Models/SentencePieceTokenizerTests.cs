using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Models;

public sealed class SentencePieceTokenizerTests
{
    private static readonly string Path = Assets.Path("models", "stories260k", "tokenizer.bin");

    [Test]
    public void AnyTextComesBack()
    {
        SentencePieceTokenizer tokenizer = SentencePieceTokenizer.Read(Path);
        Prop.ForAll(ArbMap.Default.ArbFor<string?>(), text =>
        {
            string valid = string.Concat((text ?? "").EnumerateRunes());
            return tokenizer.Decode(tokenizer.Tokenize(valid).Ids) == valid;
        }).Check(Seeded.Cases(300));
    }

    [TestCase("Once upon a time", "<s>| Once| upon| a| time")]
    [TestCase("a\nb", "<s>| a|\n|b")]
    [TestCase("ß<s>", "<s>| |<0xC3>|<0x9F>|<|s|>")]
    [TestCase("", "<s>")]
    public void TokensAreShownAsText(string text, string tokens)
    {
        SentencePieceTokenizer tokenizer = SentencePieceTokenizer.Read(Path);
        Assert.That(string.Join('|', tokenizer.Tokenize(text).Tokens), Is.EqualTo(tokens));
    }

    [Test]
    public void UnknownIdsAreRefused()
    {
        SentencePieceTokenizer tokenizer = SentencePieceTokenizer.Read(Path);
        Assert.That(tokenizer.VocabularySize, Is.EqualTo(512));
        Assert.That(() => tokenizer.TokenText(512), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => tokenizer.Decode([4, -1]), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void DamagedFilesAreRefused()
    {
        using TemporaryFolder folder = new();
        byte[] good = File.ReadAllBytes(Path);
        Refused(folder.File("missing"), "no such tokenizer");
        Refused(folder.Write("empty", ""), "ends inside piece 0");
        Refused(folder.Write("cut", good[..^1]), "ends inside piece 511");
        Refused(folder.Write("few", good[..1000]), "piece");
        Refused(folder.Write("lengths", [.. good[..8], 0xFF, 0xFF, 0xFF, 0x7F, .. good[12..]]), "length 2147483647");
        Refused(folder.Write("scores", [.. good[..4], 0xFF, 0xFF, 0xFF, 0xFF, .. good[8..]]), "score NaN");
    }

    private static void Refused(string path, string problem) =>
        Assert.That(() => SentencePieceTokenizer.Read(path), Throws.InstanceOf<ModelException>().With.Message.Contains(problem).And.Message.Contains(path));
}
