using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Tests.Support;
using ILGPU;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>Pooling plane by plane, as processors do it, and window by window, as GPUs do.</summary>
internal sealed class PoolingPlanesTests
{
    private const int Planes = 5;

    private static readonly PoolShape[] Shapes =
    [
        new(Planes, new(1, 9, 8), new(1, 5, 4), new(1, 3, 3), new(1, 2, 2), new(0, 1, 1), new(1, 1, 1)),
        new(Planes, new(3, 6, 7), new(2, 2, 3), new(2, 3, 3), new(1, 2, 2), new(0, 0, 1), new(1, 2, 1)),
        new(Planes, new(1, 6, 6), new(1, 3, 3), new(1, 2, 2), new(1, 2, 2), default, new(1, 1, 1)),
        new(Planes, new(1, 5, 5), new(1, 5, 5), new(1, 1, 1), new(1, 1, 1), default, new(1, 1, 1)),
        PoolShape.Adaptive(Planes, new(1, 5, 7), new(1, 3, 4)),
    ];

    private static IEnumerable<string> Devices => TestDevices.All;

    [Test]
    public void Both_ways_give_the_same([Range(0, 4)] int index, [Values] bool isMaximum, [ValueSource(nameof(Devices))] string name)
    {
        (Device device, PoolShape shape) = (TestDevices.Get(name), Shapes[index]);
        using Arena arena = new(device);
        Random random = new(3);
        int inputs = Planes * shape.Input.Volume, outputs = Planes * shape.Output.Volume;

        // Few different values: maxima have ties.
        ArrayView<float> x = arena.Upload([.. Enumerable.Range(0, inputs).Select(_ => isMaximum && random.Next(4) == 0 ? float.NegativeInfinity : random.Next(-3, 4) / 2f)]);
        ArrayView<float> relevance = arena.Upload([.. Enumerable.Range(0, outputs).Select(_ => random.NextSingle())]);
        PoolAxis d = Pooling.Axis(shape, s => s.D), h = Pooling.Axis(shape, s => s.H), w = Pooling.Axis(shape, s => s.W);
        int maximum = isMaximum ? 1 : 0;
        PoolingPlanes planes = new()
        {
            D = d,
            H = h,
            W = w,
            Maximum = maximum,
            X = x,
            Relevance = relevance,
            Coefficient = arena.Blank(outputs),
            Target = arena.Blank(inputs),
        };
        Pooling.Windows windows = new()
        {
            D = d,
            H = h,
            W = w,
            Maximum = maximum,
            X = x,
            Relevance = relevance,
            Coefficient = arena.Blank(outputs),
            Target = arena.Blank(inputs),
            Value = arena.Blank(outputs),
        };
        Pooling.Positions positions = new() { D = d, H = h, W = w, Maximum = maximum, X = x, Value = windows.Value, Coefficient = windows.Coefficient, Target = windows.Target };
        device.RunItems(planes, Planes);
        device.RunItems(windows, outputs);
        device.RunItems(positions, inputs);
        Assert.That(device.Download(planes.Coefficient), Is.EqualTo(device.Download(windows.Coefficient)));
        Assert.That(device.Download(planes.Target), Is.EqualTo(device.Download(windows.Target)));
        Assert.That(device.Download(planes.Target).Max(), Is.GreaterThan(0.1));
    }
}
