using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using SkiaSharp;
using static TorchSharp.torch;

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
        // In the last block all that is left of the difference is at [CLS], and above zero there: the other tokens are nearly white, as in all pictures of differences.
        using SKBitmap difference = SKBitmap.Decode(folder.File("text_1-bert_encoder_layer_1_output_dense.png"));
        Assert.That(difference.GetPixel(difference.Width - 1, 0).Red, Is.GreaterThan(230));
        Assert.That(output, Does.Contain("supporting    opposing").And.Contain("tanh beyond").And.Contain("bert.encoder.layer.1.attention.self.query"));
    }

    [TestCase("stories260k", "--text", "Once upon a time, there was a", "--generate", "3", "--layers", "all")]
    [TestCase("bert-tiny-sst2", "--text", "a fine film", "not bad at all", "--layers", "all", "--mode", "contrastive")]
    [TestCase("resnet20", "--layers", "layer1.0.conv1,layer1.0.bn1,layer3.2.conv2,linear", "--rules", "faithful")]
    public async Task BlocksThatAreComputedAgainGiveTheSame(string model, params string[] arguments)
    {
        using TemporaryFolder folder = new();
        string[] given = ["explain", "-m", model, .. arguments, .. model == "resnet20" ? new[] { "-i", Assets.Path("cifar10") } : [], "--json", "-o"];
        (int code, string expected, string error) = await Command.Run([.. given, folder.File("kept")]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        (code, string actual, error) = await Command.Run([.. given, folder.File("again"), "--recompute"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(Lasting(actual), Is.EqualTo(Lasting(expected)));
        Assert.That(Peak(actual), Is.LessThan(Peak(expected)));

        static double Peak(string json)
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return document.RootElement.GetProperty("peakBytes").GetDouble();
        }

        // Lines without times, memory and names of folders.
        static string[] Lasting(string json) => [.. json.Split('\n').Where(line => !line.Contains("econds") && !line.Contains("peakBytes") && !line.Contains("/again") && !line.Contains("/kept"))];
    }

    [TestCase(Mode.Default)]
    [TestCase(Mode.Contrastive)]
    public void LayersAreKeptOfTheInputsThatShowThemOnly(Mode mode)
    {
        using TemporaryFolder folder = new();
        ExplainRequest request = new("bert-tiny-sst2", [], folder.Path) { Texts = [.. Enumerable.Repeat("a fine film", 20)], Layers = ["classifier"], Mode = mode };
        using ResultFolder files = new(request.Output, []);
        ExplainResult result = ExplainRun.Run(request, files, _ => { }, (_, _, _) => { }, default);
        using Samples samples = result.Samples;
        Assert.That(result.Explained.Select(e => e.Flow.Layers.Count + (e.Opposing?.Layers.Count ?? 0)).Distinct(), Is.EqualTo(new[] { mode == Mode.Default ? 1 : 2, 0 }));
        Assert.That(result.Explained.Count(e => e.Flow.Layers.Count > 0), Is.EqualTo(LayerReport.Shown));
        Assert.That(LayerFigures.Of(result).Single().Positive, Is.EqualTo(1).Within(1e-5), "the mean is over all");
    }

    [Test]
    public void APageShowsTheLayersThatHaveRoom()
    {
        using TemporaryFolder folder = new();
        ExplainRequest request = new("bert-tiny-sst2", [], folder.Path) { Texts = ["a fine film", "a bad film", "a film"], Layers = ["classifier"] };
        using ResultFolder files = new(request.Output, []);
        ExplainResult result = ExplainRun.Run(request, files, _ => { }, (_, _, _) => { }, default);
        using Samples samples = result.Samples;
        string page = LayerReport.Write(result, LayerFigures.Of(result), files, default, new PageRoom(1)).ToString();
        Assert.That(page.Split("<article").Length - 1, Is.EqualTo(1));
        Assert.That(page, Does.Contain("The pictures of 2 more inputs are beside this page as PNG files."));
        Assert.That(files.Has("text_3-classifier.png"));
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
        string[] expected = Listed(model);
        foreach (string[] inputs in new[] { given, [] })
        {
            (code, output, error) = await Command.Run(["explain", "-m", model, .. inputs, "--layers", "list", "-o", folder.File("none"), "--json"]);
            Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
            using JsonDocument list = JsonDocument.Parse(output);
            Assert.That(Named(list), Is.EquivalentTo(Named(all)));
            Assert.That(list.RootElement.GetProperty("layers").EnumerateArray().Select(Line), Is.EqualTo(expected));
            Assert.That(Directory.Exists(folder.File("none")), Is.False);
        }

        static IEnumerable<(string?, string?)> Named(JsonDocument json) => json.RootElement.GetProperty("layers").EnumerateArray().Select(layer => (layer.GetProperty("layer").GetString(), layer.GetProperty("operator").GetString()));
        static string Line(JsonElement layer) => $"{layer.GetProperty("layer")} {layer.GetProperty("operator")} {string.Join('x', layer.GetProperty("shape").EnumerateArray())}";
    }

    // Nothing behind the first input that can be used is looked at.
    [TestCase("--skip-bad", "1,2", "GOOD", "3,4")]
    [TestCase("--batch=1", "GOOD", "3,4")]
    [TestCase("--rows=2,1", "WORD", "GOOD", "WORD", "3,4")]
    public async Task TheFirstUsableRowIsEnough(string option, params string[] rows)
    {
        using TemporaryFolder folder = new();
        string[] loans = [.. File.ReadLines(Assets.Path("lending_club", "lending_club.csv")).Take(2)];
        string table = folder.Write("l.csv", string.Join('\n', [loans[0], .. rows.Select(row => row switch { "GOOD" => loans[1], "WORD" => "word" + loans[1][loans[1].IndexOf(',', StringComparison.Ordinal)..], _ => row })]));
        (int code, string output, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", table, "--layers", "list", option);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain("Linear"));
        Assert.That(error, option == "--skip-bad" ? Does.Match(@"^skipped: .*l\.csv.*2 cells[^\n]*\n$") : Is.Empty);
    }

    [TestCase("mnist_00_7.png|none.png", "")]
    [TestCase("none.png|mnist_00_7.png|none.png", "--skip-bad")]
    public async Task TheFirstUsablePictureIsEnough(string names, string option)
    {
        string[] pictures = [.. names.Split('|').Select(name => Assets.Path("mnist", name))];
        (int code, _, string error) = await Command.Run(["explain", "-m", "mnist-mlp", "--layers", "list", "-i", .. pictures, .. option.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(error.Split('\n', StringSplitOptions.RemoveEmptyEntries), option.Length == 0 ? Is.Empty : Has.Length.EqualTo(1).And.All.StartsWith("skipped: ").And.All.Contains("none.png"));
    }

    [Test]
    public async Task TheFirstTextIsEnoughAndNothingIsGenerated()
    {
        // The model has room for 512 tokens, so that it could not add one.
        string full = string.Concat(Enumerable.Repeat("!", 510)), tooLong = full + full;
        string[] common = ["-m", "stories260k", "--generate", "1000", "--layers", "list"];
        (int code, string output, string error) = await Command.Run(["explain", .. common, "--text", full, tooLong]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain("[1, 512, "));
        (code, output, error) = await Command.Run(["explain", .. common, "--skip-bad", "--text", tooLong, "!", tooLong]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(error, Does.StartWith("skipped: ").And.Contain("text 1").And.Not.Contain("text 3"));
    }

    [Test]
    public async Task ATableWithoutAUsableRowIsRefused()
    {
        using TemporaryFolder folder = new();
        string header = File.ReadLines(Assets.Path("lending_club", "lending_club.csv")).First();
        foreach ((string rows, string[] options, string said) in new[] { ("", Array.Empty<string>(), "no rows"), ("\n1,2", ["--skip-bad"], "2 cells"), ("\n1,2", ["--skip-bad", "--rows", "4"], "row 4 does not exist") })
        {
            (int code, _, string error) = await Command.Run(["explain", "-m", "lending-mlp", "-i", folder.Write("l.csv", header + rows), "--layers", "list", .. options]);
            Assert.That(code, Is.Not.EqualTo(ExitCodes.Ok));
            Assert.That(error, Does.Contain(said));
        }
    }

    // Of a single input of the model's own kind.
    private static string[] Listed(string model)
    {
        using ModelPackage package = ModelPackage.Load(model);
        using Tensor input = package.Description.Preprocessing switch
        {
            ImagePreprocessing { Flatten: true } image => rand(1, image.InputSize!.Value),
            ImagePreprocessing image => rand(1, image.Channels, image.Height, image.Width),
            TabularPreprocessing table => rand(1, table.Width),
            _ => tensor((package.Tokenizer?.Tokenize("a") ?? package.PromptTokenizer!.Tokenize("a")).Ids.ToArray()).unsqueeze(0),
        };
        using Backtracer backtracer = Explainer.Create(package, () => 1);
        return [.. backtracer.ListLayers(input).Select(layer => $"{layer.Name} {layer.Operation} {string.Join('x', layer.Shape)}")];
    }

    [Test]
    public async Task TheListHasShapes()
    {
        (int code, string output, string error) = await Command.Run("explain", "-m", "mnist-mlp", "--layers", "list");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Match(@"^hidden1 +Linear +\[1, 128\]\n").And.Match(@"\noutput +Linear +\[1, 10\]\n$"));
    }
}
