using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class ExplainTextTests
{
    private const string Bleak = "unflinchingly bleak and desperate", Charming = "it 's a charming and often affecting journey .";

    [Test]
    public async Task TokensAreReadAndHighlighted()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "bert-tiny-sst2", "--text", Bleak, "-o", folder.Path);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        string page = File.ReadAllText(folder.File("index.html"));
        using Explanation saved = Explanation.Load(folder.File("relevance.safetensors"));
        Assert.Multiple(() =>
        {
            Assert.That(output, Does.Contain("text 1  negative, ").And.Contain("[CLS] unflinchingly bleak and desperate [SEP]").And.Contain("unflinchingly 1").And.Not.Contain("\u001b"));
            Assert.That(page, Does.Contain(">bleak</span>").And.Contain("title=\"bleak: ").And.Contain("class=\"scale short\"").And.Not.Contain("##"));
            Assert.That(saved.Input.shape[0], Is.EqualTo(1));
            Assert.That(saved.Input.data<float>().Sum(), Is.EqualTo(saved.Ledger.Input[0]).Within(1e-5));
        });
    }

    [Test]
    public async Task FaithfulRulesKeepTheSignOfEvidence()
    {
        using TemporaryFolder folder = new();
        string[] arguments = ["explain", "-m", "bert-tiny-sst2", "--text", "not a good film", "-o", folder.Path, "--rules", "faithful", "--json"];
        (int code, string output, string error) = await Command.Run(arguments);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument document = JsonDocument.Parse(output);
        Dictionary<string, double> shares = Explanations(output)[0].GetProperty("tokens").EnumerateArray().ToDictionary(t => t.GetProperty("text").GetString()!, t => t.GetProperty("relevance").GetDouble());
        using Explanation saved = Explanation.Load(folder.File("relevance.safetensors"));
        Assert.Multiple(() =>
        {
            Assert.That(document.RootElement.GetProperty("rules").GetString(), Is.EqualTo("faithful"));
            Assert.That(shares["good"], Is.Positive, "the answer is positive");
            Assert.That(shares["not"], Is.Negative);
            Assert.That(shares.Values.Sum(), Is.EqualTo(saved.Input.data<float>().Sum() / Math.Abs(saved.Ledger.Start[0])).Within(1e-4), "shares of the score");
            Assert.That(saved.Ledger.Start[0], Is.Not.EqualTo(1).Within(1e-3), "in units of the score");
            Assert.That(File.ReadAllText(folder.File("index.html")), Does.Contain("keep the sign of evidence"));
        });
        (code, _, error) = await Command.Run([.. arguments, "--mode", "contrastive"]);
        Assert.That((code, error), Is.EqualTo((ExitCodes.Usage, error)));
        Assert.That(error, Does.Contain("--rules faithful").And.Contain("contrastive"));
    }

    [Test]
    public async Task TextsOfOneLengthShareAPassAndKeepTheirOrder()
    {
        using TemporaryFolder folder = new();
        string[] texts = ["a good film", Bleak, "a bad film", Charming, "not so good", Bleak];
        (int code, string output, string error) = await Command.Run("explain", "-m", "bert-tiny-sst2", "--input", folder.Write("t.txt", string.Join('\n', texts)), "-o", folder.File("out"), "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        JsonElement[] all = [.. Explanations(output)];
        Assert.That(all.Select(e => e.GetProperty("text").GetString()), Is.EqualTo(texts));
        Assert.That(all.Select(e => e.GetProperty("relevance").GetProperty("file").GetString()).Distinct().Count(), Is.EqualTo(3));
        foreach (JsonElement e in all)
        {
            JsonElement place = e.GetProperty("relevance");
            using Explanation saved = Explanation.Load(Path.Combine(folder.File("out"), place.GetProperty("file").GetString()!));
            using Tensor own = saved.Input[place.GetProperty("index").GetInt32()];
            Assert.That(e.GetProperty("tokens").EnumerateArray().Select(t => t.GetProperty("relevance").GetSingle()), Is.EqualTo(own.data<float>().ToArray()).Within(1e-6));
        }

        (_, output, _) = await Command.Run("explain", "-m", "bert-tiny-sst2", "--text", texts[3], "-o", folder.File("out"), "--json");
        Assert.That(Relevance(all[3]), Is.EqualTo(Relevance(Explanations(output)[0])).Within(1e-5));

        static IEnumerable<double> Relevance(JsonElement e) => e.GetProperty("tokens").EnumerateArray().Select(t => t.GetProperty("relevance").GetDouble());
    }

    [Test]
    public async Task ColoursAreTheConsolesOwnChoiceOrTheUsers()
    {
        using TemporaryFolder folder = new();
        (_, string coloured, _) = await Command.Run("explain", "-m", "bert-tiny-sst2", "--text", Bleak, "-o", folder.Path, "--color", "always");
        (_, string plain, _) = await Command.Run("explain", "-m", "bert-tiny-sst2", "--text", Bleak, "-o", folder.Path);
        Assert.That(coloured, Does.Contain("\u001b[").And.Contain("48;2;").And.Contain("bleak"));
        Assert.That(plain, Does.Not.Contain("\u001b"));
    }

    [Test]
    public async Task LinesOfAFileAnswerAsEachDoesAlone()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("texts.txt", $"{Bleak}\n\n{Charming}\n{Bleak}\n");
        (int code, string output, string error) = await Command.Run("explain", "-m", "bert-tiny-sst2", "-i", file, "-o", folder.File("all"), "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        (_, string alone, _) = await Command.Run("explain", "-m", "bert-tiny-sst2", "--text", Charming, "-o", folder.File("one"), "--json");
        JsonElement[] all = Explanations(output), one = Explanations(alone);
        double[] Tokens(JsonElement e) => [.. e.GetProperty("tokens").EnumerateArray().Select(t => t.GetProperty("relevance").GetDouble())];
        Assert.Multiple(() =>
        {
            Assert.That(all.Select(e => e.GetProperty("line").GetInt32()), Is.EqualTo(new[] { 1, 3, 4 }));
            Assert.That(all.Select(e => e.GetProperty("prediction").GetProperty("class").GetString()), Is.EqualTo(new[] { "negative", "positive", "negative" }));
            Assert.That(Tokens(all[1]), Is.EqualTo(Tokens(one[0])).Within(1e-6));
            Assert.That(Tokens(all[2]), Is.EqualTo(Tokens(all[0])).Within(1e-6));
            Assert.That(all[1].GetProperty("tokens")[3].GetProperty("text").GetString(), Is.EqualTo("s"));
        });
    }

    [Test]
    public async Task TextsCannotBecomeTagsOrSteerTheTerminal()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "bert-tiny-sst2", "--text", "<script>alert(1)</script> \u001b[2J fine", "-o", folder.Path);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(File.ReadAllText(folder.File("index.html")), Does.Not.Contain("<script"));
        Assert.That(output, Does.Not.Contain("\u001b"));
    }

    [Test]
    public async Task ALongTextIsAnErrorThatCanBeSkipped()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("texts.txt", $"{string.Join(' ', Enumerable.Repeat("long", 600))}\n{Bleak}\n");
        (int code, _, string error) = await Command.Run("explain", "-m", "bert-tiny-sst2", "-i", file, "-o", folder.File("out"));
        (int skipped, string output, string warning) = await Command.Run("explain", "-m", "bert-tiny-sst2", "-i", file, "-o", folder.File("out"), "--skip-bad");
        Assert.Multiple(() =>
        {
            Assert.That(code, Is.EqualTo(ExitCodes.Input));
            Assert.That(error, Does.Contain("texts.txt").And.Contain("line 1").And.Contain("512 tokens"));
            Assert.That(skipped, Is.EqualTo(ExitCodes.Ok));
            Assert.That(warning, Does.Contain("skipped: ").And.Contain("line 1"));
            Assert.That(output, Does.Contain("line 2  negative"));
        });
    }

    [Test]
    public async Task ALineThatIsNoTextIsAnErrorThatCanBeSkipped()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("texts.txt", [.. "a fine film\n\ncaf"u8, 0xe9, .. " noir\n \nterrible caf\u00e9\n"u8]);
        (int code, _, string error) = await Command.Run("explain", "-m", "bert-tiny-sst2", "-i", file, "-o", folder.File("out"));
        (int skipped, string output, string warning) = await Command.Run("explain", "-m", "bert-tiny-sst2", "-i", file, "-o", folder.File("out"), "--skip-bad", "--json");
        Assert.Multiple(() =>
        {
            Assert.That(code, Is.EqualTo(ExitCodes.Input));
            Assert.That(error, Does.Contain("texts.txt, line 3: is not UTF-8 text"));
            Assert.That(skipped, Is.EqualTo(ExitCodes.Ok));
            Assert.That(warning.TrimEnd(), Does.StartWith("skipped: ").And.Contain("texts.txt, line 3: is not UTF-8 text").And.Not.Contain("\n"));
            Assert.That(Explanations(output).Select(e => e.GetProperty("line").GetInt32()), Is.EqualTo(new[] { 1, 5 }));
        });
    }

    private static JsonElement[] Explanations(string json) => [.. JsonDocument.Parse(json).RootElement.GetProperty("explanations").EnumerateArray()];
}
