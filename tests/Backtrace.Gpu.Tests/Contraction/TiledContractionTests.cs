using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using ILGPU;
using NUnit.Framework;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Tests.Contraction;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.Compiled))]
internal sealed class TiledContractionTests(string deviceId) : GpuContractionTests(deviceId)
{
    // Few, so that products are cut along the sum, and not.
    private int wanted = 2;

    [Test]
    public void Deep_convolution_matches_the_definition([Values(1, 100)] int tilesWanted)
    {
        ConvolutionShape shape = new(2, 70, 66, 1, new(1, 5, 6), new(1, 3, 3), new(1, 3, 3), new(1, 2, 2), new(0, 1, 1), new(1, 1, 1));
        wanted = tilesWanted;
        CheckConvolution(shape);
    }

    [Test]
    public void Products_do_not_depend_on_their_neighbours()
    {
        using Arena arena = new(Device);
        float[] a = DeviceFloats.Random(3 * 20 * 30, 1), b = DeviceFloats.Random(3 * 30 * 10, 2);
        float[] Run(int from, int count)
        {
            ArrayView<float> c = arena.Blank(count * 200);
            Operand left = Operand.Abs(arena.Upload(a[(from * 600)..((from + count) * 600)])), right = Operand.Of(arena.Upload(b[(from * 300)..((from + count) * 300)]));
            new TiledContraction(Device, arena).Products(new ProductShape(count, 20, 10, 30), left, right, c, default(NoEpilogue));
            return Device.Download(c);
        }

        Assert.That(Run(1, 1), Is.EqualTo(Run(0, 3)[200..400]));
    }

    [Test]
    public void Rows_do_not_depend_on_their_neighbours_or_on_the_number_of_groups()
    {
        const int inputs = 600, outputs = 70;
        using Arena arena = new(Device);
        float[] x = DeviceFloats.Random(12 * inputs, 1), w = DeviceFloats.Random(outputs * inputs, 2);
        float[] Run(int from, int count, int tilesWanted)
        {
            ArrayView<float> y = arena.Blank(count * outputs);
            TiledContraction contraction = new(Device, arena) { TilesWanted = tilesWanted };
            contraction.Linear(
                new LinearShape(count, inputs, outputs), Operand.Abs(arena.Upload(x[(from * inputs)..((from + count) * inputs)])), Operand.Abs(arena.Upload(w)), Operand.None, y, default(NoEpilogue));
            return Device.Download(y);
        }

        float[] all = Run(0, 12, 1);
        Assert.That(Run(0, 12, 100), Is.EqualTo(all), "parts");
        Assert.That(Run(3, 6, 1), Is.EqualTo(all[(3 * outputs)..(9 * outputs)]), "tiles");
        float[] alone = Run(3, 1, 1);
        Assert.That(Run(2, 3, 1)[outputs..(2 * outputs)], Is.EqualTo(alone), "vectors");
        Assert.That(alone, Is.EqualTo(all[(3 * outputs)..(4 * outputs)]).Within(1e-6f * all.Max()));
    }

    [TearDown]
    public void Reset() => wanted = 2;

    private protected override IContraction Create(Arena arena) => new TiledContraction(Device, arena) { TilesWanted = wanted };
}
