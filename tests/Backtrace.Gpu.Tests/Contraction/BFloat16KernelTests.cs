using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Contraction;

/// <summary>Products that a bf16 kernel computes: one written down here, and libtorch's where the processor has it.</summary>
public sealed unsafe class BFloat16KernelTests
{
    private static BFloat16Kernel Plain => new((nint)(delegate* unmanaged<long, long, long, long, long, long, byte, ushort*, ushort*, float*, byte, void>)&Multiply);

    private static IEnumerable<BFloat16Kernel> Kernels => TorchBFloat16.Kernel.IsPresent ? [Plain, TorchBFloat16.Kernel] : [Plain];

    [Test]
    public void Fast_processors_have_a_kernel() => Assert.That(TorchBFloat16.Kernel.IsPresent, Is.EqualTo(ProcessorBf16.IsFast && OneDnn.IsEnabled));

    [TestCase(6, 16, 16)]
    [TestCase(6, 300, 37)]
    [TestCase(13, 45, 80)]
    [TestCase(64, 77, 300)]
    [TestCase(64, 530, 65)]
    [TestCase(9, 1030, 523)]
    [TestCase(300, 40, 37)]
    public void Linear_matches_the_definition(int rows, int inputs, int outputs)
    {
        LinearShape shape = new(rows, inputs, outputs);
        foreach (Part part in new[] { Part.Absolute, Part.Negative })
        {
            using HostFloats x = Random(rows * inputs), w = Random(outputs * inputs), bias = Random(outputs), y = Random(rows * outputs);
            double[] xs = Read(x, part), ws = Read(w, part);
            Check(ReferenceContraction.Linear(shape, xs, ws, bias.Read(part)), (c, r, e) => c.Linear(shape, new(x.View, part), new(w.View, part), new(bias.View, part), r, e));
            Check(ReferenceContraction.Linear(shape, xs, ws, null), (c, r, e) => c.Linear(shape, new(x.View, part), new(w.View, part), Operand.None, r, e));
            Check(ReferenceContraction.LinearTransposed(shape, Read(y, Part.Signed), ws), (c, r, e) => c.LinearTransposed(shape, Operand.Of(y.View), new(w.View, part), r, e));
        }
    }

    [TestCase(6, 16, 16)]
    [TestCase(13, 45, 81)]
    [TestCase(64, 77, 300)]
    [TestCase(9, 1030, 523)]
    public void Weights_may_lie_in_memory_as_bf16(int rows, int inputs, int outputs)
    {
        LinearShape shape = new(rows, inputs, outputs);
        Random random = new(rows);
        ushort[] bits = [.. Enumerable.Range(0, inputs * outputs).Select(_ => (ushort)(BitConverter.SingleToUInt32Bits((random.NextSingle() * 2) - 1) >> 16))];
        using HostFloats x = Random(rows * inputs), y = Random(rows * outputs), wide = new(bits.Length, i => Wide(bits[i]));
        using HostFloats stored = new((bits.Length + 1) / 2, i => BitConverter.UInt32BitsToSingle(bits[2 * i] | ((uint)(2 * i + 1 < bits.Length ? bits[2 * i + 1] : 0x7fc0) << 16)));
        foreach (BFloat16Kernel kernel in Kernels)
        {
            using CpuContraction contraction = new(Workers.Single, ContractionPrecision.BFloat16, kernel);
            Assert.That(contraction.ReadsBFloat16(shape));
            foreach (Part part in Enum.GetValues<Part>())
            {
                Operand w = new(wide.View, part), w16 = new(stored.View, part) { IsBFloat16 = true };
                Assert.That(Forward(w16), Is.EqualTo(Forward(w)), $"{part}");
                Assert.That(Back(w16), Is.EqualTo(Back(w)), $"{part}, transposed");
            }

            float[] Forward(Operand w)
            {
                using HostFloats result = new(rows * outputs);
                contraction.Linear(shape, Operand.Abs(x.View), w, Operand.None, result.View, default(NoEpilogue));
                return result.ToArray();
            }

            float[] Back(Operand w)
            {
                using HostFloats result = new(rows * inputs);
                contraction.LinearTransposed(shape, Operand.Of(y.View), w, result.View, default(NoEpilogue));
                return result.ToArray();
            }
        }
    }

    [TestCase(2, 64, 64)]
    [TestCase(64, 8, 64)]
    [TestCase(64, 64, 8)]
    public void Products_without_the_kernel_need_floats(int rows, int inputs, int outputs)
    {
        using CpuContraction contraction = new(Workers.Single, ContractionPrecision.BFloat16, Plain), single = new(Workers.Single);
        Assert.That(contraction.ReadsBFloat16(new(rows, inputs, outputs)), Is.False);
        Assert.That(contraction.ReadsBFloat16(new LinearShape(64, 64, 64) { IsExact = true }), Is.False);
        Assert.That(single.ReadsBFloat16(new(64, 64, 64)), Is.False);
    }

    [Test]
    public void Convolution_matches_the_definition([Values(1, 2, 3)] int stride, [Values(1, 3, 4)] int kernel, [Values(0, 1, 2)] int padding)
    {
        int dilation = 1 + ((stride + kernel + padding) % 2), groups = 1 + ((stride + padding) % 2), width = padding == 1 ? 16 : 25;
        int Result(int size) => ((size + (2 * padding) - (dilation * (kernel - 1)) - 1) / stride) + 1;

        // Enough positions for the kernel to be used in both directions.
        int batch = (CpuPairConvolution.FewestPositions / (Result(width) * Result(11))) + 1, channels = 15 + kernel;
        CheckConvolution(new(batch, channels * groups, 18 * groups, groups, new(1, 11, width), new(1, Result(11), Result(width)), new(1, kernel, kernel), new(1, stride, stride), new(0, padding, padding), new(1, dilation, dilation)));
    }

    [Test]
    public void Convolution_matches_the_definition_in_one_and_three_dimensions()
    {
        CheckConvolution(new(2, 17, 24, 1, new(1, 1, 300), new(1, 1, 300), new(1, 1, 5), new(1, 1, 1), new(0, 0, 2), new(1, 1, 1)));
        CheckConvolution(new(2, 16, 24, 1, new(6, 9, 8), new(6, 9, 8), new(3, 3, 3), new(1, 1, 1), new(1, 1, 1), new(1, 1, 1)));
        CheckConvolution(new(2, 16, 24, 1, new(9, 8, 18), new(4, 4, 9), new(3, 2, 2), new(2, 2, 2), new(0, 0, 0), new(1, 1, 1)));
        CheckConvolution(new(1, 64, 16, 1, new(1, 40, 40), new(1, 40, 40), new(1, 3, 3), new(1, 1, 1), new(0, 1, 1), new(1, 1, 1)));
    }

    [Test]
    public void Sums_of_magnitudes_lose_little([Values(64, 2048)] int inputs)
    {
        LinearShape shape = new(8, inputs, 96);
        using HostFloats x = Random(8 * inputs), w = Random(96 * inputs), y = new(8 * 96);
        double[] exact = ReferenceContraction.Linear(shape, x.Read(Part.Absolute), w.Read(Part.Absolute), null);
        using CpuContraction contraction = new(Workers.Single, ContractionPrecision.BFloat16, Kernels.Last());
        contraction.Linear(shape, Operand.Abs(x.View), Operand.Abs(w.View), Operand.None, y.View, default(NoEpilogue));
        double worst = exact.Zip(y.ToArray(), (e, g) => Math.Abs(e - g)).Max() / exact.Max();
        Assert.That(worst, Is.LessThan(1e-3).And.GreaterThan(1e-6), "operands are rounded, results are not");
    }

    private static void CheckConvolution(ConvolutionShape s)
    {
        using HostFloats x = Random(s.Batch * s.InChannels * s.Input.Volume), w = Random(s.OutChannels * (s.InChannels / s.Groups) * s.Kernel.Volume);
        using HostFloats y = Random(s.Batch * s.OutChannels * s.Output.Volume), bias = Random(s.OutChannels);
        double[] ws = Read(w, Part.Absolute);
        Check(ReferenceContraction.Convolution(s, Read(x, Part.Negative), ws, bias.Read(Part.Signed)), (c, r, e) => c.Convolution(s, Operand.Negative(x.View), Operand.Abs(w.View), Operand.Of(bias.View), r, e));
        Check(ReferenceContraction.ConvolutionTransposed(s, Read(y, Part.Signed), ws, null), (c, r, e) => c.ConvolutionTransposed(s, Operand.Of(y.View), Operand.Abs(w.View), Operand.None, r, e));
    }

    // Operands are rounded before the reference multiplies them, so that only the order of sums differs.
    private static void Check(double[] expected, Action<IContraction, ILGPU.ArrayView<float>, CountingEpilogue> run)
    {
        double scale = expected.Max(Math.Abs) + 1e-30;
        foreach (BFloat16Kernel kernel in Kernels)
        {
            float[]? first = null;
            foreach (Workers workers in new[] { Workers.Single, new EagerWorkers(5) })
            {
                using CpuContraction contraction = new(workers, ContractionPrecision.BFloat16, kernel);
                using HostFloats result = new(expected.Length, _ => float.NaN), calls = new(expected.Length, _ => 0);
                run(contraction, result.View, new CountingEpilogue(result.View.Pointer(), calls.View.Pointer()));
                float[] got = result.ToArray();
                Assert.That(calls.ToArray(), Is.All.EqualTo(1f));
                Assert.That(result.GuardsHold && calls.GuardsHold);
                Assert.That(expected.Zip(got, (e, g) => Math.Abs(e + 1 - g)).Max(), Is.LessThan((5e-6 * scale) + 5e-7));
                first ??= got;
                Assert.That(got, Is.EqualTo(first), "bits depend on the number of threads");
            }
        }
    }

    // A zeroed sign or a forgotten rounding shows: numbers have more digits than bf16.
    private static double[] Read(HostFloats values, Part part) => values.Read(part, ContractionPrecision.BFloat16);

    private static HostFloats Random(int length)
    {
        Random random = new(length);
        return new HostFloats(length, _ => (random.NextSingle() * 2) - 1);
    }

    [UnmanagedCallersOnly]
    private static void Multiply(long rows, long columns, long depth, long strideA, long strideB, long strideC, byte adds, ushort* a, ushort* b, float* c, byte pairs)
    {
        for (long m = 0; m < rows; m++)
        {
            for (long n = 0; n < columns; n++)
            {
                float sum = adds != 0 ? c[(m * strideC) + n] : 0;
                for (long k = 0; k < depth; k++)
                    sum += Wide(a[(m * strideA) + k]) * Wide(b[(k / 2 * strideB * 2) + (2 * n) + (k % 2)]);
                c[(m * strideC) + n] = sum;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Wide(ushort bits) => BitConverter.Int32BitsToSingle(bits << 16);
}
