using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using SkiaSharp;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class ExplainLayerTests
{
    private static readonly string Seven = Assets.Path("mnist", "mnist_00_7.png");

    [Test]
    public async Task LayersHaveFiguresAndPictures()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "mnist-mlp", "-i", Seven, "--layers", "hidden1,output", "-o", folder.Path, "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement[] layers = [.. json.RootElement.GetProperty("layers").EnumerateArray()];
        using Explanation saved = Explanation.Load(folder.File("relevance.safetensors"));
        LedgerLine hidden = saved.Ledger.Lines.Single(line => line.Node == "hidden1");
        using SKBitmap picture = SKBitmap.Decode(folder.File("mnist_00_7-hidden1.png"));
        Assert.Multiple(() =>
        {
            Assert.That(layers.Select(layer => layer.GetProperty("layer").GetString()), Is.EqualTo(new[] { "hidden1", "output" }));
            Assert.That(layers[0].GetProperty("positive").GetDouble(), Is.EqualTo(hidden.In[0]).Within(1e-5));
            Assert.That(layers[0].GetProperty("biasToInput").GetDouble(), Is.EqualTo(hidden.Bias[0] / hidden.Out[0]).Within(1e-5));
            // Of 128 units, some are zero after their ReLU.
            Assert.That(layers[0].GetProperty("saturated").GetDouble() * 128 % 1, Is.EqualTo(0).Within(1e-9));
            Assert.That(layers[0].GetProperty("saturated").GetDouble(), Is.InRange(0.05, 0.95));
            Assert.That(layers[1].GetProperty("saturated").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(picture.Width % 12, Is.Zero);
            Assert.That(File.ReadAllText(folder.File("index.html")), Does.Contain("bias / input").And.Contain("hidden1<br>"));
        });
    }

    [Test]
    public async Task AllLayersCanBeAskedFor()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "bert-tiny-sst2", "--text", "a fine film", "--layers", "all", "-o", folder.Path, "--mode", "contrastive");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain("supporting    opposing").And.Contain("tanh beyond").And.Contain("bert.encoder.layer.1.attention.self.query"));
    }

    // These rules merge batch normalisations into convolutions; they are layers nevertheless.
    [Test]
    public async Task NormalisationsThatWereMergedCanBeAskedFor([Values("all", "layer1.0.bn1")] string layers)
    {
        using TemporaryFolder folder = new();
        string picture = Assets.Path("cifar10", "cifar10_00_3.png");
        (int code, string output, string error) = await Command.Run("explain", "-m", "resnet20", "-i", picture, "--rules", "faithful", "--layers", layers, "-o", folder.Path);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Match(@"layer1\.0\.bn1 +0\.0000 +0"));
    }

    [TestCase("mnist-mlp", "-i", "mnist/mnist_00_7.png")]
    [TestCase("resnet20", "-i", "cifar10/cifar10_00_3.png")]
    [TestCase("lending-mlp", "-i", "lending_club/lending_club.csv:0")]
    [TestCase("bert-tiny-sst2", "--text", "a")]
    [TestCase("stories260k", "--text", "a")]
    public async Task ListedLayersAreThoseThatCanBeAskedFor(string model, string option, string input)
    {
        using TemporaryFolder folder = new();
        string[] given = [option, option == "-i" ? Assets.Path(input.Split('/')) : input];
        (int code, string output, string error) = await Command.Run(["explain", "-m", model, .. given, "--layers", "all", "-o", folder.Path, "--json"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument all = JsonDocument.Parse(output);
        foreach (string[] inputs in new[] { given, [] })
        {
            (code, output, error) = await Command.Run(["explain", "-m", model, .. inputs, "--layers", "list", "-o", folder.File("none"), "--json"]);
            Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
            using JsonDocument list = JsonDocument.Parse(output);
            Assert.That(Named(list), Is.EquivalentTo(Named(all)));
            Assert.That(list.RootElement.GetProperty("layers").EnumerateArray().Select(layer => layer.GetProperty("shape")[0].GetInt64()), Has.Some.EqualTo(1));
            Assert.That(Directory.Exists(folder.File("none")), Is.False);
        }

        static IEnumerable<(string?, string?)> Named(JsonDocument json) => json.RootElement.GetProperty("layers").EnumerateArray().Select(layer => (layer.GetProperty("layer").GetString(), layer.GetProperty("operator").GetString()));
    }

    [Test]
    public async Task TheListHasShapes()
    {
        (int code, string output, string error) = await Command.Run("explain", "-m", "mnist-mlp", "--layers", "list");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Match(@"^hidden1 +Linear +\[1, 128\]\n").And.Match(@"\noutput +Linear +\[1, 10\]\n$"));
    }
}
