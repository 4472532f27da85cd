using System.Text.Json;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

public sealed class ResNetTests
{
    [TestCase("resnet20")]
    [TestCase("resnet56")]
    public void LogitsEqualThePublishedNetworks(string name)
    {
        float[][] expected = JsonSerializer.Deserialize<Dictionary<string, float[][]>>(File.ReadAllText(Assets.Path("models", "resnet_expected_logits.json")))![name];
        using ModelPackage model = ModelPackage.Load(name);
        ImagePreprocessing preprocessing = (ImagePreprocessing)model.Description.Preprocessing;
        string[] files = [.. Directory.GetFiles(Assets.Path("cifar10"), "*.png").Order(StringComparer.Ordinal)];
        Assert.That(files, Has.Length.EqualTo(20));
        using IDisposable inference = no_grad();
        int right = 0;
        for (int i = 0; i < files.Length; i++)
        {
            using ImageInput image = preprocessing.Read(files[i]);
            using Tensor logits = model.Module.call(image.Values);
            float[] values = logits.data<float>().ToArray();
            Assert.That(values, Is.EqualTo(expected[i]).Within(2e-4), Path.GetFileName(files[i]));
            Assert.That(image.Note, Is.Null);
            right += Array.IndexOf(values, values.Max()) == Path.GetFileNameWithoutExtension(files[i])[^1] - '0' ? 1 : 0;
        }
        Assert.That(right, Is.EqualTo(20));
    }

    [TestCase(18, 11_689_512)]
    [TestCase(34, 21_797_672)]
    [TestCase(50, 25_557_032)]
    [TestCase(101, 44_549_160)]
    [TestCase(152, 60_192_808)]
    public void ImageNetShapesHaveThePublishedNumberOfParametersAndNames(int depth, long parameters)
    {
        using ResNet net = ResNet.ImageNet(depth);
        Dictionary<string, Tensor> state = net.state_dict();
        Assert.Multiple(() =>
        {
            Assert.That(net.parameters().Sum(p => p.numel()), Is.EqualTo(parameters));
            Assert.That(state.Keys, Is.SupersetOf(new[]
            {
                "conv1.weight", "bn1.running_var", "layer1.1.conv2.weight", "layer2.0.downsample.0.weight", "layer2.0.downsample.1.running_mean", "fc.bias",
            }));
            Assert.That(state.Keys, depth < 50 ? Has.None.Contains("layer1.0.downsample") : Contains.Item("layer1.0.downsample.0.weight").And.Contains("layer4.2.bn3.running_var"));
        });
        net.eval();
        using IDisposable inference = no_grad();
        using Tensor input = zeros(2, 3, 64, 64), output = net.call(input);
        Assert.That(output.shape, Is.EqualTo(new long[] { 2, 1000 }));
    }

    [TestCase(34)]
    [TestCase(50)]
    public void TorchVisionsWeightsGiveItsLogits(int depth)
    {
        using var scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        nn.Module<Tensor, Tensor> published = depth == 34 ? torchvision.models.resnet34(num_classes: 10) : torchvision.models.resnet50(num_classes: 10);
        using ResNet net = ResNet.ImageNet(depth, 10);
        net.load_state_dict(published.state_dict());
        published.eval();
        net.eval();
        Tensor input = randn([2, 3, 96, 64], generator: new Generator().manual_seed(1)), logits = net.call(input);
        Assert.That(logits.data<float>().ToArray(), Is.EqualTo(published.call(input).data<float>().ToArray()).Within(1e-4f * logits.abs().max().item<float>()));
    }

    [TestCase(50)]
    public void BottlenecksAreExplained(int depth)
    {
        using var scope = NewDisposeScope();
        using ResNet net = ResNet.ImageNet(depth, 10);
        net.eval();
        using Explanation explanation = Explaining.Explain(net, randn([1, 3, 64, 64], generator: new Generator().manual_seed(1)), Target.Argmax());
        Explaining.AssertConserved(explanation);
        Assert.That(explanation.Ledger.Input[0], Is.GreaterThan(0.1f));
    }

    [Test]
    public void ImpossibleDepthsAreRefused() => Assert.Multiple(() =>
    {
        Assert.That(() => ResNet.Cifar(21), Throws.ArgumentException);
        Assert.That(() => ResNet.ImageNet(51), Throws.ArgumentException);
    });
}
