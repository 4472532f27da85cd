using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using ILGPU;
using NUnit.Framework;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Tests.Contraction;

/// <summary>What every backend for GPUs must compute, over random shapes, on a device of this machine or a simulated one.</summary>
internal abstract class GpuContractionTests(string deviceId)
{
    /// <summary>The device.</summary>
    private protected Device Device { get; } = TestDevices.Get(deviceId);

    /// <summary>Simulations take a second for a large case.</summary>
    private bool IsSlow => deviceId is "simulated" or "ptx" or "cublas";

    private int Cases => IsSlow ? 12 : 120;

    private int Largest => IsSlow ? 40 : 300;

    [Test]
    public void Linear_matches_the_definition() =>
        Check.One(Seeded.Cases(Cases), Prop.ForAll(Geometries.Linear(Largest), CheckLinear));

    [Test]
    public void Linear_of_many_steps_matches_the_definition([Values(1, 3, 9)] int rows) => CheckLinear(new LinearShape(rows, 1030, 70));

    [Test]
    public void Convolution_matches_the_definition() =>
        Check.One(Seeded.Cases(Cases), Prop.ForAll(Geometries.Convolution, CheckConvolution));

    [Test]
    public void Products_match_the_definition() =>
        Check.One(Seeded.Cases(Cases), Prop.ForAll(Geometries.Products(Largest), CheckProducts));

    /// <summary>The backend to try.</summary>
    private protected abstract IContraction Create(Arena arena);

    /// <summary>The precision of the operands of a dense layer.</summary>
    private protected virtual ContractionPrecision PrecisionOf(LinearShape shape) => ContractionPrecision.Single;

    /// <summary>The precision of the operands of products.</summary>
    private protected virtual ContractionPrecision PrecisionOfProducts => ContractionPrecision.Single;

    private protected void CheckLinear(LinearShape s)
    {
        float[] x = DeviceFloats.Random(s.Rows * s.Inputs, 1), w = DeviceFloats.Random(s.Outputs * s.Inputs, 2);
        float[] y = DeviceFloats.Random(s.Rows * s.Outputs, 3), bias = DeviceFloats.Random(s.Outputs, 4);
        ContractionPrecision p = PrecisionOf(s);
        Verify(ReferenceContraction.Linear(s, Read(x, Part.Absolute, p), Read(w, Part.Absolute, p), Abs(bias)), (c, a, r, e) =>
            c.Linear(s, Operand.Abs(a.Upload(x)), Operand.Abs(a.Upload(w)), Operand.Abs(a.Upload(bias)), r, e));
        Verify(ReferenceContraction.Linear(s, Read(x, Part.Positive, p), Read(w, Part.Negative, p), null), (c, a, r, e) =>
            c.Linear(s, Operand.Positive(a.Upload(x)), Operand.Negative(a.Upload(w)), Operand.None, r, e));
        Verify(ReferenceContraction.LinearTransposed(s, Read(y, Part.Signed, p), Read(w, Part.Absolute, p)), (c, a, r, e) =>
            c.LinearTransposed(s, Operand.Of(a.Upload(y)), Operand.Abs(a.Upload(w)), r, e));
    }

    private protected void CheckProducts(ProductShape s)
    {
        float[] a = DeviceFloats.Random((int)(s.Batch * Math.Max(s.StrideA, s.Rows * s.Depth)), 1), b = DeviceFloats.Random((int)(s.Batch * Math.Max(s.StrideB, s.Depth * s.Columns)), 2);
        ContractionPrecision p = PrecisionOfProducts;
        float[] before = DeviceFloats.Random((int)(s.Batch * s.StrideC), 3);
        double[] expected = ReferenceContraction.Products(s, Read(a, Part.Absolute, p), Read(b, Part.Signed, p), Of(before));
        using Arena arena = new(Device);
        ArrayView<float> result = arena.Upload(before);
        IContraction contraction = Create(arena);
        using IDisposable? owner = contraction as IDisposable;
        contraction.Products(s, Operand.Abs(arena.Upload(a)), Operand.Of(arena.Upload(b)), result, default(NoEpilogue));
        double scale = expected.Max(Math.Abs) + 1e-30;
        Assert.That(expected.Zip(Device.Download(result), (e, g) => Math.Abs(e - g)).Max() / scale, Is.LessThan(3e-6));
    }

    private protected void CheckConvolution(ConvolutionShape s)
    {
        float[] x = DeviceFloats.Random(s.Batch * s.InChannels * s.Input.Volume, 1), y = DeviceFloats.Random(s.Batch * s.OutChannels * s.Output.Volume, 2);
        float[] w = DeviceFloats.Random(s.OutChannels * (s.InChannels / s.Groups) * s.Kernel.Volume, 3);
        float[] bias = DeviceFloats.Random(Math.Max(s.OutChannels, s.InChannels), 4);
        float[] outBias = bias[..s.OutChannels], inBias = bias[..s.InChannels];
        Verify(ReferenceContraction.Convolution(s, Abs(x), Abs(w), Abs(outBias)), (c, a, r, e) =>
            c.Convolution(s, Operand.Abs(a.Upload(x)), Operand.Abs(a.Upload(w)), Operand.Abs(a.Upload(outBias)), r, e));
        Verify(ReferenceContraction.ConvolutionTransposed(s, Of(y), Abs(w), null), (c, a, r, e) =>
            c.ConvolutionTransposed(s, Operand.Of(a.Upload(y)), Operand.Abs(a.Upload(w)), Operand.None, r, e));
        Verify(ReferenceContraction.ConvolutionTransposed(s, Of(y), Of(w), Of(inBias)), (c, a, r, e) =>
            c.ConvolutionTransposed(s, Operand.Of(a.Upload(y)), Operand.Of(a.Upload(w)), Operand.Of(a.Upload(inBias)), r, e));
    }

    // The epilogue adds the result to a memory of zeros: it must see each entry once, after it is final.
    private void Verify(double[] expected, Action<IContraction, Arena, ArrayView<float>, Accumulate> run)
    {
        using Arena arena = new(Device);
        ArrayView<float> result = arena.Blank(expected.Length);
        ArrayView<float> copied = arena.Upload(new float[expected.Length]);
        IContraction contraction = Create(arena);
        using IDisposable? owner = contraction as IDisposable;
        run(contraction, arena, result, new Accumulate { Source = result, Target = copied });
        float[] got = Device.Download(result);
        double scale = expected.Max(Math.Abs) + 1e-30;
        Assert.That(expected.Zip(got, (e, g) => Math.Abs(e - g)).Max() / scale, Is.LessThan(3e-6));
        Assert.That(Device.Download(copied), Is.EqualTo(got));
    }

    private static double[] Read(float[] values, Part part, ContractionPrecision precision) =>
        Array.ConvertAll(values, v => HostFloats.Round(ReferenceContraction.Of(part, v), precision));

    private static double[] Of(float[] values) => Array.ConvertAll(values, v => (double)v);

    private static double[] Abs(float[] values) => Array.ConvertAll(values, v => Math.Abs((double)v));
}
