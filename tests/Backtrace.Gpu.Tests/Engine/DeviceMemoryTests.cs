using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Devices with memory of their own hold copies of the activations that are still to be read, not of all.</summary>
public sealed class DeviceMemoryTests
{
    private const int Batch = 64, Width = 64, Activation = Batch * Width * sizeof(float);

    [Test]
    public void MemoryDoesNotGrowWithDepth([ValueSource(typeof(TestDevices), nameof(TestDevices.All))] string device, [Values] Mode mode) =>
        Assert.That(Peak(24, device, mode), Is.LessThan(Peak(12, device, mode) + (4 * Activation)));

    private static long Peak(int depth, string device, Mode mode)
    {
        using Sequential model = Sequential([.. Enumerable.Range(0, depth).SelectMany(Layer)]);
        using Tensor input = randn(Batch, Width);
        using Backtracer backtracer = new(model, TestDevices.Get(device), new BacktracerOptions { Mode = mode });
        backtracer.Explain(input, Target.Argmax()).Dispose();
        return backtracer.Arena.PeakBytes;
    }

    private static (string, Module<Tensor, Tensor>)[] Layer(int n) => [($"fc{n}", Linear(Width, Width)), ($"relu{n}", ReLU())];
}
