using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>A convolutional network gives the same bits again, on any number of threads, and whatever its neighbours in the batch are.</summary>
public sealed class DeterminismTests
{
    private static readonly Device One = Device.Cpu(Workers.Single);

    private static IEnumerable<string> Devices => TestDevices.Present;

    [TestCaseSource(nameof(Devices))]
    public void TheSameRunGivesTheSameBits(string device)
    {
        using Sequential model = Network();
        using Tensor input = randn(5, 3, 14, 14);
        using Backtracer backtracer = new(model, TestDevices.Get(device));
        using Explanation first = backtracer.Explain(input, Target.Argmax());
        for (int k = 0; k < 5; k++)
        {
            using Tensor copy = input.clone();
            using Explanation again = backtracer.Explain(copy, Target.Argmax());
            Assert.That(again.Input.Floats(), Is.EqualTo(first.Input.Floats()));
        }
    }

    [Test]
    public void ThreadsDoNotMatter()
    {
        using Sequential model = Network();
        using Tensor input = randn(5, 3, 14, 14);
        BacktracerOptions options = new() { ContractionLibrary = ContractionLibrary.Managed };
        using Backtracer several = new(model, TestDevices.Get("cpu"), options), single = new(model, One, options);
        using Explanation expected = single.Explain(input, Target.Argmax()), actual = several.Explain(input, Target.Argmax());
        Assert.That(actual.Input.Floats(), Is.EqualTo(expected.Input.Floats()));
    }

    [TestCaseSource(nameof(Devices))]
    public void NeighboursInTheBatchDoNotMatter(string device)
    {
        using var scope = NewDisposeScope();
        using Sequential model = Network();
        Tensor input = randn(5, 3, 14, 14);
        using Backtracer backtracer = new(model, TestDevices.Get(device));
        using Explanation all = backtracer.Explain(input, Target.Class(2));
        for (int n = 0; n < 5; n++)
        {
            using Explanation alone = backtracer.Explain(input.narrow(0, n, 1), Target.Class(2));
            Explaining.AssertSame(all.Input.narrow(0, n, 1), alone.Input, 1e-6, $"sample {n}");
        }
    }

    [TestCaseSource(nameof(Devices))]
    public void TargetsOfOnePassAreAsEachAlone(string device)
    {
        using var scope = NewDisposeScope();
        using Sequential model = Network();
        Tensor input = randn(3, 3, 14, 14);
        using Backtracer backtracer = new(model, TestDevices.Get(device));
        Target[] targets = [Target.Class(0), Target.Class(1), Target.Argmax()];
        IReadOnlyList<Explanation> together = backtracer.Explain([input], targets);
        for (int k = 0; k < targets.Length; k++)
        {
            using Explanation alone = backtracer.Explain(input, targets[k]);
            Explaining.AssertSame(together[k].Input, alone.Input, 1e-6, $"{targets[k]}");
            Explaining.AssertConserved(together[k]);
            together[k].Dispose();
        }
    }

    private static Sequential Network()
    {
        random.manual_seed(31);
        return Sequential(
            ("conv1", Conv2d(3, 8, 3, padding: 1)),
            ("relu1", ReLU()),
            ("pool", AvgPool2d(2)),
            ("conv2", Conv2d(8, 8, 3, stride: 2, groups: 2)),
            ("tanh", Tanh()),
            ("flatten", Flatten()),
            ("fc", Linear(8 * 3 * 3, 4)));
    }
}
