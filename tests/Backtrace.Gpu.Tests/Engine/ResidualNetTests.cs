using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>A residual network as torchvision writes it, with in-place sums and activations, is explained as it stands.</summary>
public sealed class ResidualNetTests
{
    private static IEnumerable<string> Devices => TestDevices.All;

    [TestCaseSource(nameof(Devices))]
    public void FunctionalCodeIsExplainedAsModulesAre(string device)
    {
        using var scope = NewDisposeScope();
        (NarrowResNet functional, NarrowResNet modules) = NarrowResNet.Pair();
        Tensor input = randn(2, 3, 32, 32);
        BacktracerOptions options = new() { Layers = ["layer3.0.conv1", "layer2.0.downsample.0", "fc"] };
        using Explanation actual = Explaining.Explain(functional, input, Target.Argmax(), options, device);
        using Explanation expected = Explaining.Explain(modules, input, Target.Argmax(), options);

        Explaining.AssertSame(actual.Prediction, expected.Prediction, 1e-5);
        Explaining.AssertSame(actual.Input, expected.Input, 1e-5);
        foreach (string layer in options.Layers)
            Explaining.AssertSame(actual[layer], expected[layer], 1e-5, layer);
        Assert.That(actual["layer3.0.conv1"].shape, Is.EqualTo(new long[] { 2, 12, 2, 2 }));
        Assert.That(actual["fc"].Floats().Sum(), Is.EqualTo(2).Within(1e-6));
        Explaining.AssertConserved(actual);
    }

    [Test]
    public void NodesHaveTheNamesOfTheModules()
    {
        using var scope = NewDisposeScope();
        (NarrowResNet functional, _) = NarrowResNet.Pair();
        using Backtracer backtracer = new(functional, TestDevices.Get("cpu"));
        using RelevanceGraph graph = backtracer.Record([randn(1, 3, 32, 32)]);
        string[] convolutions = [.. graph.Nodes.Where(n => n.Operation.Name == "Conv2d").Select(n => n.Name)];
        string[] expected = [.. functional.named_modules().Where(m => m.Item2 is TorchSharp.Modules.Conv2d).Select(m => m.Item1)];
        Assert.That(convolutions, Is.EquivalentTo(expected));
        Assert.That(graph.Nodes.Select(n => n.Name), Is.Unique);
        Assert.That(graph.Nodes.Select(n => n.Name), Does.Contain("layer1.0.Add").And.Contain("flatten").And.Contain("fc"));
    }
}
