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
internal sealed class TiledContractionTests(string deviceId)
{
    private readonly Device device = TestDevices.Get(deviceId);

    /// <summary>Simulations take a second for a large case.</summary>
    private bool IsSlow => deviceId is "simulated" or "ptx";

    private int Cases => IsSlow ? 12 : 120;

    private int Largest => IsSlow ? 40 : 300;

    [Test]
    public void Linear_matches_the_definition() =>
        Check.One(Seeded.Cases(Cases), Prop.ForAll(Geometries.Linear(Largest), CheckLinear));

    [Test]
    public void Linear_of_many_steps_matches_the_definition([Values(1, 3, 9)] int rows) => CheckLinear(new LinearShape(rows, 1030, 70));

    [Test]
    public void Convolution_matches_the_definition() =>
        Check.One(Seeded.Cases(Cases), Prop.ForAll(Geometries.Convolution, shape => CheckConvolution(shape, 2)));

    [Test]
    public void Deep_convolution_matches_the_definition([Values(1, 100)] int tilesWanted)
    {
        ConvolutionShape shape = new(2, 70, 66, 1, new(1, 5, 6), new(1, 3, 3), new(1, 3, 3), new(1, 2, 2), new(0, 1, 1), new(1, 1, 1));
        CheckConvolution(shape, tilesWanted);
    }

    [Test]
    public void Products_match_the_definition() =>
        Check.One(Seeded.Cases(Cases), Prop.ForAll(Geometries.Products(Largest), CheckProducts));

    [Test]
    public void Products_do_not_depend_on_their_neighbours()
    {
        using Arena arena = new(device);
        float[] a = DeviceFloats.Random(3 * 20 * 30, 1), b = DeviceFloats.Random(3 * 30 * 10, 2);
        float[] Run(int from, int count)
        {
            ArrayView<float> c = arena.Blank(count * 200);
            Operand left = Operand.Abs(arena.Upload(a[(from * 600)..((from + count) * 600)])), right = Operand.Of(arena.Upload(b[(from * 300)..((from + count) * 300)]));
            new TiledContraction(device, arena).Products(new ProductShape(count, 20, 10, 30), left, right, c, default(NoEpilogue));
            return device.Download(c);
        }

        Assert.That(Run(1, 1), Is.EqualTo(Run(0, 3)[200..400]));
    }

    [Test]
    public void Rows_do_not_depend_on_their_neighbours_or_on_the_number_of_groups()
    {
        const int inputs = 600, outputs = 70;
        using Arena arena = new(device);
        float[] x = DeviceFloats.Random(12 * inputs, 1), w = DeviceFloats.Random(outputs * inputs, 2);
        float[] Run(int from, int count, int tilesWanted)
        {
            ArrayView<float> y = arena.Blank(count * outputs);
            TiledContraction contraction = new(device, arena) { TilesWanted = tilesWanted };
            contraction.Linear(
                new LinearShape(count, inputs, outputs), Operand.Abs(arena.Upload(x[(from * inputs)..((from + count) * inputs)])), Operand.Abs(arena.Upload(w)), Operand.None, y, default(NoEpilogue));
            return device.Download(y);
        }

        float[] all = Run(0, 12, 1);
        Assert.That(Run(0, 12, 100), Is.EqualTo(all), "parts");
        Assert.That(Run(3, 6, 1), Is.EqualTo(all[(3 * outputs)..(9 * outputs)]), "tiles");
        float[] alone = Run(3, 1, 1);
        Assert.That(Run(2, 3, 1)[outputs..(2 * outputs)], Is.EqualTo(alone), "vectors");
        Assert.That(alone, Is.EqualTo(all[(3 * outputs)..(4 * outputs)]).Within(1e-6f * all.Max()));
    }

    private void CheckLinear(LinearShape s)
    {
        float[] x = DeviceFloats.Random(s.Rows * s.Inputs, 1), w = DeviceFloats.Random(s.Outputs * s.Inputs, 2);
        float[] y = DeviceFloats.Random(s.Rows * s.Outputs, 3), bias = DeviceFloats.Random(s.Outputs, 4);
        Verify(ReferenceContraction.Linear(s, Abs(x), Abs(w), Abs(bias)), (c, a, r, e) =>
            c.Linear(s, Operand.Abs(a.Upload(x)), Operand.Abs(a.Upload(w)), Operand.Abs(a.Upload(bias)), r, e));
        Verify(ReferenceContraction.Linear(s, Of(x), Of(w), null), (c, a, r, e) =>
            c.Linear(s, Operand.Of(a.Upload(x)), Operand.Of(a.Upload(w)), Operand.None, r, e));
        Verify(ReferenceContraction.LinearTransposed(s, Of(y), Abs(w)), (c, a, r, e) =>
            c.LinearTransposed(s, Operand.Of(a.Upload(y)), Operand.Abs(a.Upload(w)), r, e));
    }

    private void CheckProducts(ProductShape s)
    {
        float[] a = DeviceFloats.Random((int)(s.Batch * Math.Max(s.StrideA, s.Rows * s.Depth)), 1), b = DeviceFloats.Random((int)(s.Batch * Math.Max(s.StrideB, s.Depth * s.Columns)), 2);
        float[] before = DeviceFloats.Random((int)(s.Batch * s.StrideC), 3);
        double[] expected = ReferenceContraction.Products(s, Abs(a), Of(b), Of(before));
        using Arena arena = new(device);
        ArrayView<float> result = arena.Upload(before);
        new TiledContraction(device, arena).Products(s, Operand.Abs(arena.Upload(a)), Operand.Of(arena.Upload(b)), result, default(NoEpilogue));
        double scale = expected.Max(Math.Abs) + 1e-30;
        Assert.That(expected.Zip(device.Download(result), (e, g) => Math.Abs(e - g)).Max() / scale, Is.LessThan(3e-6));
    }

    private void CheckConvolution(ConvolutionShape s, int tilesWanted)
    {
        float[] x = DeviceFloats.Random(s.Batch * s.InChannels * s.Input.Volume, 1), y = DeviceFloats.Random(s.Batch * s.OutChannels * s.Output.Volume, 2);
        float[] w = DeviceFloats.Random(s.OutChannels * (s.InChannels / s.Groups) * s.Kernel.Volume, 3);
        float[] bias = DeviceFloats.Random(Math.Max(s.OutChannels, s.InChannels), 4);
        float[] outBias = bias[..s.OutChannels], inBias = bias[..s.InChannels];
        Verify(ReferenceContraction.Convolution(s, Abs(x), Abs(w), Abs(outBias)), (c, a, r, e) =>
            c.Convolution(s, Operand.Abs(a.Upload(x)), Operand.Abs(a.Upload(w)), Operand.Abs(a.Upload(outBias)), r, e), tilesWanted);
        Verify(ReferenceContraction.ConvolutionTransposed(s, Of(y), Abs(w), null), (c, a, r, e) =>
            c.ConvolutionTransposed(s, Operand.Of(a.Upload(y)), Operand.Abs(a.Upload(w)), Operand.None, r, e), tilesWanted);
        Verify(ReferenceContraction.ConvolutionTransposed(s, Of(y), Of(w), Of(inBias)), (c, a, r, e) =>
            c.ConvolutionTransposed(s, Operand.Of(a.Upload(y)), Operand.Of(a.Upload(w)), Operand.Of(a.Upload(inBias)), r, e), tilesWanted);
    }

    // The epilogue adds the result to a memory of zeros: it must see each entry once, after it is final.
    private void Verify(double[] expected, Action<TiledContraction, Arena, ArrayView<float>, Accumulate> run, int tilesWanted = 2)
    {
        using Arena arena = new(device);
        ArrayView<float> result = arena.Blank(expected.Length);
        ArrayView<float> copied = arena.Upload(new float[expected.Length]);
        run(new TiledContraction(device, arena) { TilesWanted = tilesWanted }, arena, result, new Accumulate { Source = result, Target = copied });
        float[] got = device.Download(result);
        double scale = expected.Max(Math.Abs) + 1e-30;
        Assert.That(expected.Zip(got, (e, g) => Math.Abs(e - g)).Max() / scale, Is.LessThan(3e-6));
        Assert.That(device.Download(copied), Is.EqualTo(got));
    }

    private static double[] Of(float[] values) => Array.ConvertAll(values, v => (double)v);

    private static double[] Abs(float[] values) => Array.ConvertAll(values, v => Math.Abs((double)v));
}
