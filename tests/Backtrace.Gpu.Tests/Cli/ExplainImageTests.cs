using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using SkiaSharp;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class ExplainImageTests
{
    [Test]
    public void APageShowsThePicturesThatHaveRoom()
    {
        using TemporaryFolder folder = new();
        string[] pictures = [.. Directory.EnumerateFiles(Assets.Path("mnist"), "*.png").Order(StringComparer.Ordinal).Take(4)];
        ExplainRequest request = new("mnist-mlp", pictures, folder.Path);
        using ResultFolder files = new(request.Output, []);
        ExplainResult result = ExplainRun.Run(request, files, _ => { }, (_, _, _) => { }, default);
        using Samples samples = result.Samples;
        using Report? whole = result.Report;
        using ImageReport small = new((ImageSamples)samples, result.Model, files, json: false, new PageRoom(1));
        small.Add(result.Explained);
        Assert.That(whole!.Finish(result).ToString().Split("<article").Length - 1, Is.EqualTo(4));
        Assert.That(small.Finish(result).ToString().Split("<article").Length - 1, Is.EqualTo(1));
        Assert.That(small.Finish(result).ToString(), Does.Contain("The first 1 of 4 pictures; the others are beside this page"));
    }

    private static readonly string Seven = Assets.Path("mnist", "mnist_00_7.png");

    [Test]
    public async Task APictureBecomesRelevanceAHeatMapAndAPage()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "mnist-mlp", "-i", Seven, "-o", folder.Path, "--layers", "hidden1,hidden2", "--ledger");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using Explanation saved = Explanation.Load(folder.File("relevance.safetensors"));
        using SKBitmap picture = SKBitmap.Decode(folder.File("mnist_00_7.png"));
        string page = File.ReadAllText(folder.File("index.html"));
        Assert.Multiple(() =>
        {
            Assert.That(output, Does.Contain("mnist_00_7.png  7, 99.").And.Contain("hidden1_activation").And.Contain("= 1.0000"));
            Assert.That(saved.Input.shape, Is.EqualTo(new long[] { 1, 784 }));
            Assert.That(saved.Input.data<float>().Sum(), Is.EqualTo(saved.Ledger.Input[0]).Within(1e-5));
            Assert.That(saved.Ledger.Input[0] + saved.Ledger.Bias[0] + saved.Ledger.Dropped[0], Is.EqualTo(1).Within(1e-5));
            Assert.That(saved.Layers.Keys, Is.EquivalentTo(new[] { "hidden1", "hidden2" }));
            Assert.That(picture.Width % 28, Is.Zero);
            Assert.That(File.ReadAllText(folder.File("mnist_00_7.svg")), Does.Contain("\u2265").Or.Contain("&#8805;"));
            Assert.That(page, Does.Contain("data:image/png;base64,").And.Not.Contain("src=\"http").And.Not.Contain("<script"));
        });
    }

    [Test]
    public async Task AFolderIsExplainedInBatches()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "mnist-mlp", "-i", Assets.Path("mnist"), "-o", folder.Path, "--batch", "8", "--target", "3", "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement[] all = [.. json.RootElement.GetProperty("explanations").EnumerateArray()];
        Assert.Multiple(() =>
        {
            Assert.That(all, Has.Length.EqualTo(20));
            Assert.That(all.Select(e => e.GetProperty("target").GetProperty("class").GetString()), Is.All.EqualTo("3"));
            Assert.That(all[19].GetProperty("relevance").GetProperty("file").GetString(), Is.EqualTo("relevance-0003.safetensors"));
            Assert.That(all[19].GetProperty("relevance").GetProperty("index").GetInt32(), Is.EqualTo(3));
            Assert.That(all.SelectMany(e => e.GetProperty("files").EnumerateArray()).All(f => File.Exists(folder.File(f.GetString()!))));
            Assert.That(json.RootElement.GetProperty("relevance").EnumerateArray().All(f => File.Exists(folder.File(f.GetString()!))));
        });
    }

    [Test]
    public async Task PicturesOfTheSameNameHaveFilesOfTheirOwn()
    {
        using TemporaryFolder folder = new();
        byte[] picture = File.ReadAllBytes(Seven);
        foreach (string name in new[] { "a.png", "a_2.png", "b/a.png" })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder.File(name))!);
            File.WriteAllBytes(folder.File(name), picture);
        }
        (int code, string output, string error) = await Command.Run("explain", "-m", "mnist-mlp", "-i", folder.Path, folder.File("b"), "-o", folder.File("out"), "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.That(json.RootElement.GetProperty("explanations").EnumerateArray().SelectMany(e => e.GetProperty("files").EnumerateArray()).Select(f => f.GetString()), Is.Unique.And.Exactly(6).Items);
    }

    // Names are at most 255 bytes long, letters of most scripts two or three.
    [Test]
    public async Task NamesOfFilesThatAreLongInBytesAreCut([Values("\u6f22", "\u0436", "n")] string letter)
    {
        using TemporaryFolder folder = new();
        string picture = string.Concat(Enumerable.Repeat(letter, 250 / System.Text.Encoding.UTF8.GetByteCount(letter))) + ".png";
        File.Copy(Seven, folder.File(picture));
        (int code, string output, string error) = await Command.Run("explain", "-m", "mnist-mlp", "-i", folder.File(picture), "-o", folder.File("out"), "--target", "7,top:2", "--layers", "all", "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument json = JsonDocument.Parse(output);
        string[] files = [.. json.RootElement.GetProperty("explanations").EnumerateArray().SelectMany(e => e.GetProperty("files").EnumerateArray()).Select(f => f.GetString()!)];
        Assert.That(files, Has.Length.EqualTo(6).And.Unique.And.All.StartsWith(string.Concat(Enumerable.Repeat(letter, 20))));
    }

    [Test]
    public async Task ABatchGivesWhatEachPictureGivesAlone()
    {
        using TemporaryFolder folder = new();
        string three = Assets.Path("mnist", "mnist_18_3.png");
        await Command.Run("explain", "-m", "mnist-mlp", "-i", Seven, three, "-o", folder.File("both"));
        await Command.Run("explain", "-m", "mnist-mlp", "-i", three, "-o", folder.File("one"));
        using Explanation both = Explanation.Load(folder.File("both/relevance.safetensors")), one = Explanation.Load(folder.File("one/relevance.safetensors"));
        float[] alone = [.. one.Input.data<float>()];
        Assert.That(both.Input.data<float>().Skip(784), Is.EqualTo(alone).Within(1e-6 * alone.Max()));
    }

    [Test]
    public async Task ResidualNetworksAreExplained()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "resnet20", "-i", Assets.Path("cifar10", "cifar10_00_3.png"), "-o", folder.Path, "--target", "cat");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using Explanation saved = Explanation.Load(folder.File("relevance.safetensors"));
        Assert.Multiple(() =>
        {
            Assert.That(output, Does.Contain("cat"));
            Assert.That(saved.Input.shape, Is.EqualTo(new long[] { 1, 3, 32, 32 }));
            Assert.That(saved.Input.data<float>().Sum(), Is.EqualTo(saved.Ledger.Input[0]).Within(1e-5));
        });
    }

    [Test]
    public async Task UnreadablePicturesAreListedAndNothingIsExplained()
    {
        using TemporaryFolder folder = new();
        byte[] whole = File.ReadAllBytes(Seven);
        folder.Write("a.png", whole);
        folder.Write("cut.png", whole[..(whole.Length / 2)]);
        folder.Write("text.png", "no picture");
        (int code, _, string error) = await Command.Run("explain", "-m", "mnist-mlp", "-i", folder.Path, "-o", folder.File("out"));
        Assert.Multiple(() =>
        {
            Assert.That(code, Is.EqualTo(ExitCodes.Input));
            Assert.That(error, Does.Contain("cut.png").And.Contain("text.png").And.Not.Contain("a.png:"));
            Assert.That(Directory.Exists(folder.File("out")), Is.False);
        });
    }

    [Test]
    public async Task UnreadablePicturesCanBeSkipped()
    {
        using TemporaryFolder folder = new();
        folder.Write("a.png", File.ReadAllBytes(Seven));
        folder.Write("text.png", "no picture");
        (int code, string output, string error) = await Command.Run("explain", "-m", "mnist-mlp", "-i", folder.Path, "-o", folder.File("out"), "--skip-bad");
        Assert.Multiple(() =>
        {
            Assert.That(code, Is.EqualTo(ExitCodes.Ok));
            Assert.That(error, Does.Contain("skipped: ").And.Contain("text.png"));
            Assert.That(output, Does.Contain("a.png  7"));
        });
    }

    [Test]
    [Platform("Linux")] // Windows has no such names
    public async Task FileNamesCannotBecomeTags()
    {
        using TemporaryFolder folder = new();
        string picture = folder.Write("<img src=x onerror=1>&.png", File.ReadAllBytes(Seven));
        (int code, _, string error) = await Command.Run("explain", "-m", "mnist-mlp", "-i", picture, "-o", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        foreach (string file in Directory.EnumerateFiles(folder.File("out"), "*.*ml").Concat(Directory.EnumerateFiles(folder.File("out"), "*.svg")))
            Assert.That(File.ReadAllText(file), Does.Not.Contain("<img src=x").And.Contain("&lt;img"));
    }

    [Test]
    public async Task PicturesOfFormatsThatAreNotReadAreCounted()
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(folder.File("in"));
        File.Copy(Seven, folder.File("in/a.png"));
        foreach (string name in new[] { "in/b.TIF", "in/c.tif", "in/d.ppm", "in/notes.txt" })
            folder.Write(name, "II*");
        (int code, string output, string error) = await Command.Run("explain", "-m", "mnist-mlp", "-i", folder.File("in"), "-o", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(error, Does.Contain($"{folder.File("in")}: 3 pictures are left out; .ppm, .tif cannot be read"));
        File.Delete(folder.File("in/a.png"));
        (code, _, error) = await Command.Run("explain", "-m", "mnist-mlp", "-i", folder.File("in"), "-o", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Input));
        Assert.That(error, Does.Contain("none of its files ends in .png, .jpg"));
    }
}
