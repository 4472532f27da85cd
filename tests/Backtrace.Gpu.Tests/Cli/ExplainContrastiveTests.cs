using System.Globalization;
using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class ExplainContrastiveTests
{
    [Test]
    public async Task APictureHasTwoMapsOnOneScale()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "mnist-mlp", "-i", Assets.Path("mnist", "mnist_00_7.png"), "-o", folder.Path, "--mode", "contrastive", "--ledger");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using Explanation saved = Explanation.Load(folder.File("relevance.safetensors"));
        string page = File.ReadAllText(folder.File("index.html"));
        Assert.Multiple(() =>
        {
            Assert.That(output, Does.Contain("supporting relevance").And.Contain("opposing relevance").And.Contain("opposing:   "));
            Assert.That(page, Does.Contain("supports</figcaption>").And.Contain("opposes</figcaption>").And.Contain("difference</figcaption>"));
            Assert.That(saved.Positive.Ledger.Start[0], Is.EqualTo(1).Within(1e-5));
            Assert.That(File.ReadAllText(folder.File("mnist_00_7.svg")).Split("<image ").Length - 1, Is.EqualTo(4));
        });
    }

    [Test]
    public async Task FeaturesHaveBothShares()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run(
            "explain", "-m", "lending-mlp", "-i", Assets.Path("lending_club", "lending_club.csv") + ":0-1", "-o", folder.Path, "--mode", "contrastive", "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement first = json.RootElement.GetProperty("explanations")[0];
        JsonElement[] features = [.. first.GetProperty("features").EnumerateArray()];
        string[] header = File.ReadLines(folder.File("relevance.csv")).First().Split(','), row = File.ReadLines(folder.File("relevance.csv")).Skip(1).First().Split(',');
        double Cell(string column) => double.Parse(row[Array.IndexOf(header, column)], CultureInfo.InvariantCulture);
        Assert.Multiple(() =>
        {
            Assert.That(json.RootElement.GetProperty("mode").GetString(), Is.EqualTo("contrastive"));
            Assert.That(features.Sum(f => f.GetProperty("opposing").GetDouble()), Is.EqualTo(first.GetProperty("opposingLedger").GetProperty("input").GetDouble()).Within(1e-5));
            Assert.That(Cell("funded_amnt"), Is.EqualTo(features[0].GetProperty("relevance").GetDouble()).Within(1e-7));
            Assert.That(Cell("funded_amnt.opposing"), Is.EqualTo(features[0].GetProperty("opposing").GetDouble()).Within(1e-7));
        });
    }

    [Test]
    public void TwoMapsShareTheLargerScaleAndDifferInColour()
    {
        (HeatMap supporting, HeatMap opposing, HeatMap difference) = HeatMap.Contrast([0.1f, 0.4f], [0.2f, 0], new byte[6], 2, 1);
        Rgb warm = supporting.Map.At(1), cold = opposing.Map.At(1);
        Assert.Multiple(() =>
        {
            Assert.That(opposing.Limit, Is.EqualTo(supporting.Limit));
            Assert.That(difference.Values, Is.EqualTo(new[] { -0.1f, 0.4f }).Within(1e-7));
            Assert.That(warm.R, Is.GreaterThan(warm.B));
            Assert.That(cold.B, Is.GreaterThan(cold.R));
        });
    }
}
