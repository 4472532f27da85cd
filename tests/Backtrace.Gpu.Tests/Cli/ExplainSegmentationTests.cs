using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using SkiaSharp;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class ExplainSegmentationTests
{
    [Test]
    public async Task APictureHasAMaskAnOverlayAndRelevance()
    {
        using TemporaryFolder folder = new();
        // A strip through the middle is explained sooner than the whole picture.
        string strip = folder.Write("strip.png", Strip(60)), thin = folder.Write("thin.png", Strip(30));
        (int code, string output, string error) = await Command.Run("explain", "-m", "retina-unet", "-i", strip, thin, "-o", folder.File("out"), "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement[] all = [.. json.RootElement.GetProperty("explanations").EnumerateArray()];
        using Explanation saved = Explanation.Load(folder.File("out/relevance-0001.safetensors"));
        string page = File.ReadAllText(folder.File("out/index.html"));
        Assert.Multiple(() =>
        {
            Assert.That(all, Has.Length.EqualTo(2));
            Assert.That(all[0].GetProperty("target").GetProperty("class").GetString(), Is.EqualTo("vessel"));
            Assert.That(all[0].GetProperty("prediction").GetProperty("class").GetString(), Is.EqualTo("background"));
            Assert.That(all[0].GetProperty("outputs").EnumerateArray().Sum(pixels => pixels.GetDouble()), Is.EqualTo((double)saved.Input.numel()));
            Assert.That(all[0].GetProperty("probabilities")[1].GetDouble(), Is.InRange(0.01, 0.5));
            Assert.That(saved.Ledger.Start[0], Is.EqualTo(1).Within(1e-4));
            Assert.That(page, Does.Contain("mask over the picture</figcaption>").And.Contain("relevance</figcaption>"));
        });
    }

    [Test]
    public async Task AnyClassCanBeTheTarget()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "retina-unet", "-i", folder.Write("s.png", Strip(20)), "-o", folder.File("out"), "--target", "background");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain("background on "));
    }

    private static byte[] Strip(int height)
    {
        using SKBitmap whole = SKBitmap.Decode(Assets.Path("retina", "retina.jpg")), strip = new();
        whole.ExtractSubset(strip, SKRectI.Create(0, whole.Height / 3, whole.Width, height));
        using SKImage image = SKImage.FromBitmap(strip);
        using SKData data = image.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }
}
