using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Models;

public sealed class WordPieceTests
{
    private const string Special = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
    private static readonly TextPreprocessing Settings = new(512);

    [TestCase("Charming, isn't it?", "charming , isn ' t it ?")]
    [TestCase("unflinchingly", "un ##fl ##in ##ching ##ly")]
    [TestCase("a CAFÉ of cliche\u0301s", "a cafe of cl ##iche ##s")]
    [TestCase("two\twords\nthree\u00a0four", "two words three four")]
    [TestCase("[SEP] is text", "[ sep ] is text")]
    [TestCase("ex-wife's 1930s", "ex - wife ' s 1930s")]
    [TestCase("\U0001F95E film \0", "[UNK] film")]
    [TestCase("costs $5 + `tax`", "costs $ 5 + ` tax `")]
    [TestCase("\u65e5\u672c", "\u65e5 \u672c")]
    [TestCase("3 \u20ac\u200b", "3 \u20ac")]
    [TestCase("\ud800", "")]
    public void WordsAreCutAsBertDoes(string text, string expected)
    {
        const string words = "charming , is isn ' t it ? un ##fl ##in ##ching ##ly a cafe of cl ##iche ##s two words three four [ sep ] text ex - wife s 1930s film $ 5 + ` costs tax \u65e5 \u672c 3 \u20ac";
        using TemporaryFolder folder = Folder(Special + words.Replace(' ', '\n'));
        WordPiece tokenizer = WordPiece.Open(folder.Path, Settings with { SpecialTokens = false });
        TokenizedText tokenized = tokenizer.Tokenize(text);
        Assert.That(string.Join(' ', tokenized.Tokens), Is.EqualTo(expected));
        Assert.That(tokenized.Ids.Select(id => tokenizer.Pieces[(int)id]), Is.EqualTo(tokenized.Tokens));
        Assert.That(tokenized.Text, Is.EqualTo(text));
    }

    [Test]
    public void CasedVocabulariesKeepCaseAndAccents()
    {
        using TemporaryFolder folder = Folder(Special + "Café\ncafe\n");
        Assert.That(WordPiece.Open(folder.Path, Settings with { LowerCase = false }).Tokenize("Café cafe").Tokens, Is.EqualTo(new[] { "[CLS]", "Café", "cafe", "[SEP]" }));
        Assert.That(WordPiece.Open(folder.Path, Settings with { KeepAccents = true }).Tokenize("CAFE cafe").Tokens, Is.EqualTo(new[] { "[CLS]", "cafe", "cafe", "[SEP]" }));
        Assert.That(WordPiece.Open(folder.Path, Settings with { KeepAccents = true }).Tokenize("Café").Tokens, Is.EqualTo(new[] { "[CLS]", "[UNK]", "[SEP]" }));
        Assert.That(WordPiece.Open(folder.Path, Settings).Tokenize("Café cafe").Tokens, Is.EqualTo(new[] { "[CLS]", "cafe", "cafe", "[SEP]" }));
    }

    // Letters, in escapes, as NFD and the removal of marks leave them.
    [TestCase("Ti\u1EBFng Vi\u1EC7t", "tieng viet")]
    [TestCase("\u0386\u03BB\u03C6\u03B1 \u1F84\u03C2", "\u03B1\u03BB\u03C6\u03B1 \u03B1\u03C2")]
    [TestCase("\u0419\u043E\u0434 \u0401\u0436", "\u0438\u043E\u0434 \u0435\u0436")]
    [TestCase("\uD55C\uAE00 \uAC00", "\u1112\u1161\u11AB\u1100\u1173\u11AF \u1100\u1161")]
    [TestCase("\u304C \u0623", "\u304B \u0627")]
    [TestCase("\u00C9\u0130\u00F8\u00DF", "ei\u00F8\u00DF")]
    [TestCase("\u09AC\u09CB\u0BCA", "\u09AC\u09C7\u09BE\u0BC6\u0BBE")]
    [TestCase("a\u2260b \u037E", "a = b ;")]
    [TestCase("\uF900\U0002F800", "\u8C48 \u4E3D")]
    public void AccentsOfAllScriptsAreLeftOut(string text, string expected)
    {
        string[] words = [.. expected.Split(' ').Distinct()];
        using TemporaryFolder folder = Folder(Special + string.Join('\n', words) + "\n");
        TokenizedText tokenized = WordPiece.Open(folder.Path, Settings with { SpecialTokens = false }).Tokenize(text);
        Assert.That(string.Join(' ', tokenized.Tokens), Is.EqualTo(expected));
    }

    [Test]
    public void ATurkishCapitalBecomesTwoCharactersWhereAccentsAreKept()
    {
        using TemporaryFolder folder = Folder(Special + "i\u0307n\n");
        Assert.That(WordPiece.Open(folder.Path, Settings with { KeepAccents = true, SpecialTokens = false }).Tokenize("\u0130N").Tokens, Is.EqualTo(new[] { "i\u0307n" }));
    }

    [TestCase("a", 100, 100)]
    [TestCase("a", 101, 1)]
    [TestCase("\U00010330", 100, 100)]
    [TestCase("\U00010330", 101, 1)]
    public void AWordOfMoreThanAHundredCharactersIsUnknown(string letter, int times, int tokens)
    {
        using TemporaryFolder folder = Folder(Special + $"{letter}\n##{letter}\n");
        TokenizedText text = WordPiece.Open(folder.Path, Settings with { SpecialTokens = false }).Tokenize(string.Concat(Enumerable.Repeat(letter, times)));
        Assert.That((text.Tokens.Count, text.Tokens[0]), Is.EqualTo((tokens, tokens == 1 ? "[UNK]" : letter)));
    }

    [Test]
    public void SpecialTokensInATextAreThoseTokens()
    {
        using TemporaryFolder folder = Folder(Special + "a\n[\nmask\n]\n");
        TokenizedText text = WordPiece.Open(folder.Path, Settings).Tokenize("a[MASK]a [mask]");
        Assert.That(string.Join(' ', text.Tokens), Is.EqualTo("[CLS] a [MASK] a [ mask ] [SEP]"));
        Assert.That(text.Ids.Take(4), Is.EqualTo(new long[] { 2, 5, 4, 5 }));
    }

    [Test]
    public void LongTextsLoseTheirEndAndSaySo()
    {
        using TemporaryFolder folder = Folder(Special + "a\nb\n");
        WordPiece framed = WordPiece.Open(folder.Path, Settings with { MaximumLength = 4 });
        WordPiece bare = WordPiece.Open(folder.Path, Settings with { MaximumLength = 4, SpecialTokens = false });
        TokenizedText cut = framed.Tokenize("a b a"), fits = framed.Tokenize("a b"), whole = bare.Tokenize("a b a");
        Assert.Multiple(() =>
        {
            Assert.That((cut.Tokens, cut.IsCut), Is.EqualTo((new[] { "[CLS]", "a", "b", "[SEP]" }, true)).Using<(IReadOnlyList<string>, bool)>(Equal));
            Assert.That(fits.IsCut, Is.False);
            Assert.That((whole.Tokens, whole.IsCut), Is.EqualTo((new[] { "a", "b", "a" }, false)).Using<(IReadOnlyList<string>, bool)>(Equal));
        });
    }

    [Test]
    public void BatchesArePaddedAtTheEnd()
    {
        using TemporaryFolder folder = Folder(Special + "a\nb\n");
        using TextInput input = WordPiece.Open(folder.Path, Settings).Encode(["a b", "b", ""]);
        Assert.Multiple(() =>
        {
            Assert.That(input.Ids.shape, Is.EqualTo(new long[] { 3, 4 }));
            Assert.That(input.Ids.data<long>().ToArray(), Is.EqualTo(new long[] { 2, 5, 6, 3, 2, 6, 3, 0, 2, 3, 0, 0 }));
            Assert.That(input.AttentionMask.data<long>().ToArray(), Is.EqualTo(new long[] { 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0 }));
            Assert.That(input.TokenTypes.data<long>().ToArray(), Is.EqualTo(new long[12]));
        });
    }

    [Test]
    public void TextsWithoutTokensAreRefused()
    {
        using TemporaryFolder folder = Folder(Special + "a\n");
        WordPiece bare = WordPiece.Open(folder.Path, Settings with { SpecialTokens = false });
        Assert.That(() => bare.Encode(["a", " \n"]), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("text 2: is empty"));
        Assert.That(() => bare.Encode([]), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("no texts"));
    }

    [Test]
    public void AnyTextBecomesTokensOfTheVocabulary()
    {
        WordPiece tokenizer = WordPiece.Open(Assets.Path("models", "bert-tiny-sst2"), Settings with { MaximumLength = 20 });
        Gen<string> texts = Gen.Choose(0, char.MaxValue).Select(c => (char)c).ArrayOf().Select(c => new string(c));
        Prop.ForAll(Arb.From(texts), text =>
        {
            TokenizedText tokenized = tokenizer.Tokenize(text);
            return tokenized.Ids.Count is >= 2 and <= 20 && tokenized.Ids.All(id => id >= 0 && id < tokenizer.Pieces.Count) && tokenized.Ids.Count == tokenized.Tokens.Count;
        }).Check(Seeded.Cases(200));
    }

    [TestCase("", "lacks [PAD], [UNK], [CLS], [SEP], [MASK]")]
    [TestCase("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n", "lacks [MASK]")]
    [TestCase(Special + "a\n\nb\n", "line 7 is empty")]
    [TestCase(Special + "a\nb\na\n", "lines 6 and 8 are the same token 'a'")]
    public void BrokenVocabulariesAreRefused(string text, string problem)
    {
        using TemporaryFolder folder = Folder(text);
        VocabularyException e = Assert.Throws<VocabularyException>(() => WordPiece.Open(folder.Path, Settings))!;
        Assert.That(e.Message, Does.StartWith(folder.File("vocab.txt")).And.Contain(problem));
    }

    [Test]
    public void MissingAndBinaryVocabulariesAreRefused()
    {
        using TemporaryFolder folder = new();
        Assert.That(() => WordPiece.Open(folder.Path, Settings), Throws.InstanceOf<VocabularyException>().With.Message.Contains("no such vocabulary"));
        folder.Write("vocab.txt", [0x41, 0x80, 0x0A]);
        Assert.That(() => WordPiece.Open(folder.Path, Settings), Throws.InstanceOf<VocabularyException>().With.Message.Contains("UTF-8"));
    }

    private static bool Equal((IReadOnlyList<string>, bool) a, (IReadOnlyList<string>, bool) b) => a.Item1.SequenceEqual(b.Item1) && a.Item2 == b.Item2;

    private static TemporaryFolder Folder(string vocabulary)
    {
        TemporaryFolder folder = new();
        folder.Write("vocab.txt", vocabulary);
        return folder;
    }
}
