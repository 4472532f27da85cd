using System.Globalization;
using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Cli;

/// <summary>Several values of --target: what a run says of each of them is what a run of its own says.</summary>
public sealed class ExplainTargetTests
{
    private static readonly string[] Colours = ["red", "blue", "red, dark", "argmax"];

    [Test]
    public async Task PicturesAreExplainedForEachTarget()
    {
        using TemporaryFolder folder = new();
        string[] common = ["-m", "mnist-mlp", "-i", Assets.Path("mnist"), "--batch", "8", "--layers", "hidden1"];
        JsonElement[] both = await Explain(folder, "both", [.. common, "-t", "3,argmax"]);
        JsonElement[][] alone = [await Explain(folder, "three", [.. common, "-t", "3"]), await Explain(folder, "most", common)];
        string page = File.ReadAllText(folder.File("both/index.html"));
        Assert.That(both, Has.Length.EqualTo(40));
        for (int n = 0; n < both.Length; n++)
        {
            JsonElement expected = alone[n % 2][n / 2];
            Assert.That(both[n].GetProperty("asked").GetString(), Is.EqualTo(n % 2 == 0 ? "3" : "argmax"));
            foreach (string same in new[] { "input", "prediction", "target", "ledger" })
                Assert.That(both[n].GetProperty(same).ToString(), Is.EqualTo(expected.GetProperty(same).ToString()), same);
            Assert.That(Saved(folder, "both", both[n]), Is.EqualTo(Saved(folder, n % 2 == 0 ? "three" : "most", expected)));
            Assert.That(both[n].GetProperty("files").EnumerateArray().All(f => File.Exists(folder.File($"both/{f.GetString()}"))));
        }

        Assert.That(both.SelectMany(e => e.GetProperty("files").EnumerateArray()).Select(f => f.GetString()).Distinct().Count(), Is.EqualTo(80));
        Assert.That(both[39].GetProperty("relevance").GetProperty("file").GetString(), Is.EqualTo("relevance-0003-argmax.safetensors"));
        Assert.That(page, Does.Contain("20 inputs explained, each for 2 targets,").And.Contain("; explained: 3, ").And.Contain("; explained (argmax): 7, ").And.Contain("mean over the explanations"));
        Assert.That(File.ReadAllText(folder.File("three/index.html")), Does.Contain("mean over the inputs"));
        Assert.That(alone.SelectMany(all => all).Any(e => e.TryGetProperty("asked", out _)), Is.False);
        Assert.That(File.Exists(folder.File("both/mnist_00_7-argmax-hidden1.png")));
    }

    [Test]
    public async Task ATableHasALineForEachRowAndTarget()
    {
        using TemporaryFolder folder = new();
        string table = folder.Write("l.csv", string.Join('\n', File.ReadLines(Assets.Path("lending_club", "lending_club.csv")).Take(101)));
        string[] common = ["-m", "lending-mlp", "-i", table, "--batch", "30"];
        JsonElement[] both = await Explain(folder, "both", [.. common, "-t", "bad", "good"]);
        await Explain(folder, "bad", [.. common, "-t", "bad"]);
        await Explain(folder, "good", [.. common, "-t", "good"]);
        string[] lines = Csv("both"), bad = Csv("bad"), good = Csv("good");
        Assert.That(lines, Has.Length.EqualTo(201));
        Assert.That(lines[0], Is.EqualTo(bad[0].Replace("row,", "row,target,", StringComparison.Ordinal)));
        for (int row = 0; row < 100; row++)
        {
            Assert.That(lines[1 + (2 * row)], Does.StartWith($"{row},bad,"));
            Assert.That(Numbers(lines[1 + (2 * row)], 5), Is.EqualTo(Numbers(bad[row + 1], 4)));
            Assert.That(Numbers(lines[2 + (2 * row)], 5), Is.EqualTo(Numbers(good[row + 1], 4)));
            Assert.That(lines[2 + (2 * row)], Does.StartWith($"{row},good,"));
        }

        Assert.That(both.Select(e => (e.GetProperty("row").GetInt32(), e.GetProperty("target").GetProperty("class").GetString())), Is.EqualTo(Enumerable.Range(0, 200).Select(n => (n / 2, n % 2 == 0 ? "bad" : "good"))));
        foreach (string target in new[] { "bad", "good" })
            Assert.That(File.ReadAllText(folder.File($"both/average-{target}.svg")).Replace($"; explained: {target}", "", StringComparison.Ordinal), Is.EqualTo(File.ReadAllText(folder.File($"{target}/average.svg"))));

        string[] Csv(string run) => File.ReadAllLines(folder.File($"{run}/relevance.csv"));
        static double[] Numbers(string line, int from) => [.. line.Split(',')[from..].Select(cell => double.Parse(cell, CultureInfo.InvariantCulture))];
    }

    [Test]
    public async Task TextsOfAllLengthsKeepTheirTargets()
    {
        using TemporaryFolder folder = new();
        string[] common = ["-m", "bert-tiny-sst2", "--text", "a fine film", "bad", "a very long film", "good", "--mode", "contrastive"];
        JsonElement[] both = await Explain(folder, "both", [.. common, "-t", "negative", "-t", "positive"]);
        JsonElement[][] alone = [await Explain(folder, "n", [.. common, "-t", "negative"]), await Explain(folder, "p", [.. common, "-t", "positive"])];
        Assert.That(both, Has.Length.EqualTo(8));
        for (int n = 0; n < both.Length; n++)
        {
            Assert.That(both[n].GetProperty("asked").GetString(), Is.EqualTo(n % 2 == 0 ? "negative" : "positive"));
            foreach (string same in new[] { "text", "line", "target", "tokens", "opposingLedger" })
                Assert.That(both[n].GetProperty(same).ToString(), Is.EqualTo(alone[n % 2][n / 2].GetProperty(same).ToString()), same);
        }
    }

    [Test]
    public async Task RanksOfATokenAreTokens([Values("default", "contrastive")] string mode)
    {
        using TemporaryFolder folder = new();
        string[] common = ["-m", "stories260k", "--text", "Once upon a", "Lily", "--mode", mode];
        JsonElement[] top = await Explain(folder, "top", [.. common, "-t", "top:3"]);
        Assert.That(top.Select(e => e.GetProperty("asked").GetString()), Is.EqualTo(new[] { "argmax", "rank 2", "rank 3", "argmax", "rank 2", "rank 3" }));
        for (int n = 0; n < top.Length; n++)
        {
            Assert.That(top[n].GetProperty("target").GetProperty("index").GetInt32(), Is.EqualTo(top[n].GetProperty("alternatives")[n % 3].GetProperty("index").GetInt32()));
            JsonElement[] alone = await Explain(folder, "alone", [.. common, "-t", $"{top[n].GetProperty("target").GetProperty("index").GetInt32()}"]);
            Assert.That(top[n].GetProperty("tokens").ToString(), Is.EqualTo(alone[n / 3].GetProperty("tokens").ToString()));
        }
    }

    [Test]
    public async Task RanksOfAClassAreEachInputsOwn()
    {
        using TemporaryFolder folder = new();
        string[] common = ["-m", "mnist-mlp", "-i", Assets.Path("mnist", "mnist_00_7.png"), Assets.Path("mnist", "mnist_01_2.png"), "--rules", "faithful"];
        JsonElement[] top = await Explain(folder, "top", [.. common, "-t", "top:2"]);
        for (int n = 0; n < top.Length; n++)
        {
            int[] ranks = [.. top[n].GetProperty("outputs").EnumerateArray().Select((output, k) => (Output: output.GetDouble(), k)).OrderByDescending(pair => pair.Output).Select(pair => pair.k)];
            Assert.That(top[n].GetProperty("target").GetProperty("index").GetInt32(), Is.EqualTo(ranks[n % 2]));
            JsonElement[] alone = await Explain(folder, "alone", [.. common, "-t", $"{ranks[n % 2]}"]);
            Assert.That(Saved(folder, "top", top[n]), Is.EqualTo(Saved(folder, "alone", alone[n / 2])));
        }
    }

    [Test]
    public async Task ASegmentationIsExplainedForEachClass()
    {
        using TemporaryFolder folder = new();
        using SkiaSharp.SKBitmap whole = SkiaSharp.SKBitmap.Decode(Assets.Path("retina", "retina.jpg")), strip = new();
        Assert.That(whole.ExtractSubset(strip, SkiaSharp.SKRectI.Create(0, whole.Height / 2, whole.Width, 20)));
        using (FileStream file = File.Create(folder.File("s.png")))
            strip.Encode(file, SkiaSharp.SKEncodedImageFormat.Png, 100);
        JsonElement[] all = await Explain(folder, "out", ["-m", "retina-unet", "-i", folder.File("s.png"), "-t", "vessel,background"]);
        Assert.That(all.Select(e => e.GetProperty("target").GetProperty("class").GetString()), Is.EqualTo(new[] { "vessel", "background" }));
        Assert.That(all.Sum(e => e.GetProperty("target").GetProperty("probability").GetDouble()), Is.EqualTo(1).Within(1e-9));
    }

    [TestCase("explain -m retina-unet -i x.png -t top:2", "retina-unet answers for each pixel")]
    [TestCase("explain -m stories260k --text Once --generate 2 -t argmax,time", "leave --target out")]
    [TestCase("explain -m mnist-mlp -i x.png -t top:11", "'top:11' needs a whole number from 1 to 10")]
    [TestCase("explain -m resnet20 -i x.png -t cat,dgo", "Did you mean dog?")]
    [TestCase("explain -m resnet20 -i x.png -t ,", "',' is neither argmax nor a class")]
    public async Task WhatCannotBeATargetIsAUsageError(string line, string said)
    {
        (int code, _, string error) = await Command.Run(line.Split(' '));
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain(said));
    }

    [TestCase("red,blue", "red|blue")]
    [TestCase("red, dark", "red, dark")]
    [TestCase("red, dark|blue", "red, dark|blue")]
    [TestCase("RED|0|red", "red")]
    [TestCase(" red , 1", "red|blue")]
    [TestCase("argmax", "argmax")]
    [TestCase("top:2,blue", "rank 1|rank 2|blue")]
    public void NamesWithCommasAreNames(string values, string expected)
    {
        IReadOnlyList<TargetChoice> found = TargetList.Parse(values.Split('|'), Colours);
        Assert.That(string.Join('|', found.Select(choice => choice.Class is { } k ? Colours[k] : $"rank {choice.Rank + 1}")), Is.EqualTo(expected));
        Assert.That(found.Select(choice => choice.Suffix).Distinct().Count(), Is.EqualTo(found.Count));
        Assert.That(found.All(choice => choice.IsAlone == (found.Count == 1)));
    }

    // A vocabulary may hold the word that the option has by default.
    [TestCase("argmax", null, 0)]
    [TestCase("TOP:1", null, 0)]
    [TestCase("0", 0, 0)]
    [TestCase("1", 1, 0)]
    [TestCase("2", 3, 0)]
    [TestCase("film", 2, 0)]
    public void TokensAreNamedAfterArgmaxAndBeforeNumbers(string value, int? token, int rank)
    {
        TargetChoice found = TargetList.ParseTokens([value], new FourTokens()).Single();
        Assert.That((found.Class, found.Rank), Is.EqualTo((token, rank)));
    }

    [TestCase(3_000_000, 1000)]
    [TestCase(int.MaxValue, 2)]
    [TestCase(1 << 16, 1 << 15)]
    public void MoreExplanationsThanCanBeCountedAreAUsageError(int inputs, int targets)
    {
        Assert.That(() => ExplainRun.EnsureCountable(inputs, targets), Throws.TypeOf<UsageException>().With.Message.Contains("targets are more explanations"));
        Assert.That(() => ExplainRun.EnsureCountable(inputs / 1000, targets / 2), Throws.Nothing);
    }

    private static async Task<JsonElement[]> Explain(TemporaryFolder folder, string run, string[] arguments)
    {
        (int code, string output, string error) = await Command.Run(["explain", .. arguments, "-o", folder.File(run), "--json"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument json = JsonDocument.Parse(output);
        return [.. json.RootElement.GetProperty("explanations").EnumerateArray().Select(e => e.Clone())];
    }

    private static float[] Saved(TemporaryFolder folder, string run, JsonElement e)
    {
        using Explanation saved = Explanation.Load(folder.File($"{run}/{e.GetProperty("relevance").GetProperty("file").GetString()}"));
        using TorchSharp.torch.Tensor own = saved.Input[e.GetProperty("relevance").GetProperty("index").GetInt32()];
        return own.data<float>().ToArray();
    }

    private sealed class FourTokens : TextTokenizer
    {
        private static readonly string[] Texts = ["argmax", "top:1", " film", "2"];

        public override int VocabularySize => Texts.Length;

        public override string TokenText(long id) => Texts[id];

        public override string Decode(IEnumerable<long> ids) => string.Concat(ids.Select(TokenText));

        protected override IEnumerable<int> EncodeToIds(string text) => throw new NotSupportedException();
    }
}
