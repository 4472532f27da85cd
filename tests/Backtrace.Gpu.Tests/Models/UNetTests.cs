using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

public sealed class UNetTests
{
    [Test]
    public void LogitsEqualTheRecordedOnes()
    {
        using ModelPackage package = ModelPackage.Load("retina-unet");
        using SafeTensorsFile recorded = Recorded();
        float[] expected = recorded.Read<float>("logits");
        using IDisposable inference = no_grad();
        using Tensor input = Input(recorded), logits = package.Module.call(input), shown = logits[0, .., ..48].contiguous();
        Assert.That(shown.shape, Is.EqualTo(recorded["logits"].Shape));
        Assert.That(Deviation.Of(shown.data<float>().ToArray(), expected), Is.LessThan(1e-5));
    }

    [Test]
    public void VesselsOfAPhotographAreFound()
    {
        using ModelPackage package = ModelPackage.Load("retina-unet");
        ContrastPreprocessing preprocessing = (ContrastPreprocessing)package.Description.Preprocessing;
        using ImageInput image = preprocessing.Read(Assets.Path("retina", "retina.jpg"));
        using IDisposable inference = no_grad();
        using Tensor logits = package.Module.call(image.Values);
        SegmentationOutput output = SegmentationOutput.Of(logits);
        float[] vessel = output.Probability(1).ToArray(), values = image.Values.data<float>().ToArray();
        // The photograph is a disc on black.
        int[] seen = [.. Enumerable.Range(0, values.Length).Where(i => values[i] > 0.2f)];
        float inside = seen.Where(i => vessel[i] > 0.5f).Average(i => values[i]), outside = seen.Where(i => vessel[i] <= 0.5f).Average(i => values[i]);
        Assert.Multiple(() =>
        {
            Assert.That((output.Height, output.Width), Is.EqualTo((image.Height, image.Width)));
            Assert.That(output.Count(1), Is.InRange(0.10 * values.Length, 0.13 * values.Length), "vessels cover about a ninth");
            Assert.That(inside, Is.LessThan(outside - 0.1f), "vessels are dark");
        });
    }

    [Test]
    public void VesselPixelsCanBeExplained()
    {
        using ModelPackage package = ModelPackage.Load("retina-unet");
        using SafeTensorsFile recorded = Recorded();
        using Tensor input = Input(recorded);
        using Backtracer backtracer = new(package.Module);
        using Explanation explanation = backtracer.Explain(input, Target.SegmentationClass(1));
        Explaining.AssertConserved(explanation);
        Assert.That(explanation.Ledger.Lines.Select(line => line.Node), Is.SupersetOf(new[] { "conv1", "conv11", "up", "pool" }));
    }

    [Test]
    public void OtherShapesAreBuiltAndNamedInOrder()
    {
        using UNet net = new(3, [4, 6], 5);
        net.eval();
        using IDisposable inference = no_grad();
        using Tensor input = rand(2, 3, 6, 10), output = net.call(input);
        Assert.That(output.shape, Is.EqualTo(new long[] { 2, 5, 6, 10 }));
        Assert.That(net.state_dict().ToDictionary(p => p.Key, p => p.Value.shape), Is.EquivalentTo(new Dictionary<string, long[]>
        {
            ["conv1.weight"] = [4, 3, 3, 3],
            ["conv1.bias"] = [4],
            ["conv2.weight"] = [4, 4, 3, 3],
            ["conv2.bias"] = [4],
            ["conv3.weight"] = [6, 4, 3, 3],
            ["conv3.bias"] = [6],
            ["conv4.weight"] = [6, 6, 3, 3],
            ["conv4.bias"] = [6],
            ["conv5.weight"] = [4, 10, 3, 3],
            ["conv5.bias"] = [4],
            ["conv6.weight"] = [4, 4, 3, 3],
            ["conv6.bias"] = [4],
            ["conv7.weight"] = [5, 4, 1, 1],
            ["conv7.bias"] = [5],
        }));
    }

    [Test]
    public void SidesThatDoNotHalveEvenlyAreRefused()
    {
        using UNet net = new(1, [2, 3, 4], 2);
        Assert.That(net.SideFactor, Is.EqualTo(4));
        Assert.That(() => net.call(zeros(1, 1, 8, 6)), Throws.ArgumentException.With.Message.Contains("divisible by 4"));
        Assert.That(() => net.call(zeros(1, 8, 8)), Throws.ArgumentException);
        Assert.That(() => new UNet(1, [2], 2), Throws.ArgumentException);
    }

    [TestCase("[ 32, 64, 128 ]", "[ 32 ]", "2 to 8 levels")]
    [TestCase("[ 32, 64, 128 ]", "[ 32, 64, 0 ]", "between 1 and 4096")]
    [TestCase("[ 32, 64, 128 ]", "[ 32, 64, 2000000000 ]", "weights")]
    [TestCase("[ 32, 64, 128 ]", "[ 32, 64 ]", "does not fit")]
    [TestCase("[ 32, 64, 128 ]", "[ 32, 64, 128, 256 ]", "divisible by 8")]
    [TestCase("\"channels\": 1", "\"channels\": 3", "3 channels")]
    [TestCase("\"classes\": 2", "\"classes\": 3", "2 class names for 3 outputs")]
    [TestCase("\"width\": 564", "\"width\": 566", "width 566")]
    [TestCase("\"sideFactor\": 4", "\"sideFactor\": 0", "divisible by 0")]
    [TestCase("\"tiles\": 8", "\"tiles\": 0", "0 tiles")]
    [TestCase("\"tiles\": 8", "\"tiles\": 300", "300 tiles")]
    [TestCase("\"clipLimit\": 2", "\"clipLimit\": 0.5", "clip limit 0.5")]
    [TestCase("\"gamma\": 1.2", "\"gamma\": 0", "gamma 0")]
    [TestCase("contrast-image", "prompt", "not a valid model description")]
    public void DescriptionsThatMakeNoSenseAreRefused(string part, string replacement, string problem)
    {
        using TemporaryFolder folder = new();
        string source = Assets.Path("models", "retina-unet"), good = File.ReadAllText(Path.Combine(source, "model.json"));
        int at = good.IndexOf(part, StringComparison.Ordinal);
        folder.Write("model.json", good.Remove(at, part.Length).Insert(at, replacement));
        File.Copy(Path.Combine(source, "model.safetensors"), folder.File("model.safetensors"));
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains(problem));
    }

    [Test]
    public void ProbabilitiesAreTheSoftmaxOfEachPixel()
    {
        using Tensor logits = tensor(new[] { 0f, 3, 1, 1, 0f, 1, 2, 1 }, [1, 2, 1, 4]);
        SegmentationOutput output = SegmentationOutput.Of(logits);
        Assert.That(output.Probability(1).ToArray(), Is.EqualTo(new[] { 0.5, 1 / (1 + Math.Exp(2)), 1 / (1 + Math.Exp(-1)), 0.5 }).Within(1e-6));
        Assert.That((output.Count(0), output.Count(1), output.Classes), Is.EqualTo((3, 1, 2)));
        Assert.That(() => SegmentationOutput.Of(logits, 1), Throws.ArgumentException);
    }

    private static SafeTensorsFile Recorded() => SafeTensors.Open(Assets.Path("models", "retina-unet", "recorded.safetensors"));

    private static Tensor Input(SafeTensorsFile recorded)
    {
        using Tensor bytes = recorded.ToTensor("input");
        return (bytes.to(ScalarType.Float32) / 255f).reshape(1, 1, 96, 96);
    }
}
