using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>The residual networks of TorchSharp.torchvision are explained as they are.</summary>
public sealed class TorchVisionTests
{
    [TestCase(18)]
    [TestCase(34)]
    public void ResNetsAreExplainedUnmodified(int layers)
    {
        using var scope = NewDisposeScope();
        nn.Module<Tensor, Tensor> model = Network(layers);
        Tensor input = randn([1, 3, 64, 64], generator: new Generator().manual_seed(1)), expected = model.call(input).clone();
        string[] modules = Modules(model);
        float[] weights = Weights(model);
        using Explanation explanation = Explaining.Explain(model, input, Target.Argmax());

        Explaining.AssertConserved(explanation);
        Explaining.AssertSame(explanation.Prediction, expected, 1e-5);
        Assert.Multiple(() =>
        {
            Assert.That(explanation.Ledger.Input[0], Is.GreaterThan(0.1f));
            Assert.That(explanation.Input.shape, Is.EqualTo(input.shape));
            Assert.That(Modules(model), Is.EqualTo(modules), "no module was replaced");
            Assert.That(Weights(model), Is.EqualTo(weights), "no weight was changed");
        });
    }

    [TestCase(18, 8)]
    [TestCase(34, 16)]
    public void EveryConvolutionAndEveryResidualSumIsANode(int layers, int blocks)
    {
        using var scope = NewDisposeScope();
        nn.Module<Tensor, Tensor> model = Network(layers);
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using RelevanceGraph graph = backtracer.Record([zeros(1, 3, 64, 64)]);
        string[] convolutions = [.. model.named_modules().Where(m => m.module is TorchSharp.Modules.Conv2d).Select(m => m.name)];
        Assert.Multiple(() =>
        {
            Assert.That(graph.Nodes.Where(n => n.Operation.Name == "Conv2d").Select(n => n.Name), Is.EquivalentTo(convolutions));
            Assert.That(graph.Nodes.Count(n => n.Operation.Name == "Add"), Is.EqualTo(blocks));
        });
    }

    // Weights as torchvision draws them, but from a seed of this test.
    private static nn.Module<Tensor, Tensor> Network(int layers)
    {
        nn.Module<Tensor, Tensor> model = layers == 18 ? torchvision.models.resnet18(num_classes: 10) : torchvision.models.resnet34(num_classes: 10);
        using var quiet = no_grad();
        using Generator generator = new Generator().manual_seed(layers);
        foreach (TorchSharp.Modules.Parameter weight in model.parameters().Where(p => p.dim() > 1))
            weight.copy_(randn(weight.shape, generator: generator) * Math.Sqrt(2.0 * weight.shape[0] / weight.numel()));
        model.eval();
        return model;
    }

    private static string[] Modules(nn.Module model) => [.. model.named_modules().Select(m => $"{m.name}: {m.module.GetType()} {m.module.GetHashCode()}")];

    private static float[] Weights(nn.Module model) => [.. model.parameters().Select(p => p.detach().abs().sum().item<float>())];
}
