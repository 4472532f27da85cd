using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Ptx;
using Backtrace.Gpu.Tests.Support;
using ILGPU;
using NUnit.Framework;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Tests.Contraction;

/// <summary>What every backend must compute, by cuBLAS; without a GPU by a double of it on the emulated one.</summary>
[TestFixtureSource(nameof(Fixtures))]
internal sealed class CuBlasContractionTests(string deviceId, ContractionPrecision precision) : GpuContractionTests(deviceId)
{
    private static IEnumerable<TestFixtureData> Fixtures() =>
        from id in TestDevices.CuBlas
        from precision in Enum.GetValues<ContractionPrecision>()
        select new TestFixtureData(id, precision);

    [TestCase(5, 16, 16)]
    [TestCase(9, 45, 81)]
    [TestCase(6, 3, 1)]
    public void Weights_may_lie_in_memory_as_bf16(int rows, int inputs, int outputs)
    {
        LinearShape shape = new(rows, inputs, outputs);
        using Arena arena = new(Device);
        using CuBlasContraction contraction = CreateHere(arena);
        Assert.That(contraction.ReadsBFloat16(shape), Is.EqualTo(precision == ContractionPrecision.BFloat16));
        Assert.That(contraction.ReadsBFloat16(shape with { IsExact = true }) || contraction.ReadsBFloat16(shape with { Rows = 4 }), Is.False);
        if (precision == ContractionPrecision.Single)
            return;
        ushort[] bits = [.. DeviceFloats.Random(inputs * outputs, 1).Select(v => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16))];
        ArrayView<float> wide = arena.Upload([.. bits.Select(b => BitConverter.UInt32BitsToSingle((uint)b << 16))]);
        ArrayView<float> stored = arena.Upload([.. bits.Chunk(2).Select(pair => BitConverter.UInt32BitsToSingle(pair[0] | ((uint)(pair.Length > 1 ? pair[1] : 0x7fc0) << 16)))]);
        ArrayView<float> x = arena.Upload(DeviceFloats.Random(rows * inputs, 2)), y = arena.Upload(DeviceFloats.Random(rows * outputs, 3));
        foreach (Part part in Enum.GetValues<Part>())
        {
            ArrayView<float> forward = arena.Blank(rows * outputs), backward = arena.Blank(rows * inputs);
            float[][] Run(Operand w)
            {
                contraction.Linear(shape, Operand.Abs(x), w, Operand.None, forward, default(NoEpilogue));
                contraction.LinearTransposed(shape, Operand.Of(y), w, backward, default(NoEpilogue));
                return [Device.Download(forward), Device.Download(backward)];
            }

            Assert.That(Run(new Operand(stored, part) { IsBFloat16 = true }), Is.EqualTo(Run(new Operand(wide, part))), $"{part}");
        }
    }

    [Test]
    public void Exact_operands_are_not_rounded()
    {
        LinearShape shape = new(7, 50, 20) { IsExact = true };
        using Arena arena = new(Device);
        using CuBlasContraction contraction = CreateHere(arena);
        float[] x = DeviceFloats.Random(7 * 50, 1), w = DeviceFloats.Random(20 * 50, 2), y = DeviceFloats.Random(7 * 20, 3);
        ArrayView<float> forward = arena.Blank(7 * 20), backward = arena.Blank(7 * 50), product = arena.Blank(7 * 20);
        contraction.Linear(shape, Operand.Of(arena.Upload(x)), Operand.Of(arena.Upload(w)), Operand.None, forward, default(NoEpilogue));
        contraction.LinearTransposed(shape, Operand.Of(arena.Upload(y)), Operand.Of(arena.Upload(w)), backward, default(NoEpilogue));
        contraction.Products(new ProductShape(1, 7, 20, 50) { TransposedB = true, IsExact = true }, Operand.Of(arena.Upload(x)), Operand.Of(arena.Upload(w)), product, default(NoEpilogue));
        double[] expected = ReferenceContraction.Linear(shape, Wide(x), Wide(w), null);
        Assert.That(Device.Download(forward), Is.EqualTo(expected).Within(1e-5));
        Assert.That(Device.Download(product), Is.EqualTo(expected).Within(1e-5));
        Assert.That(Device.Download(backward), Is.EqualTo(ReferenceContraction.LinearTransposed(shape, Wide(y), Wide(w))).Within(1e-5));
    }

    [Test]
    public void Sums_of_magnitudes_lose_little()
    {
        LinearShape shape = new(8, 2048, 24);
        using Arena arena = new(Device);
        using CuBlasContraction contraction = CreateHere(arena);
        float[] x = DeviceFloats.Random(8 * 2048, 1), w = DeviceFloats.Random(24 * 2048, 2);
        ArrayView<float> y = arena.Blank(8 * 24);
        contraction.Linear(shape, Operand.Abs(arena.Upload(x)), Operand.Abs(arena.Upload(w)), Operand.None, y, default(NoEpilogue));
        double[] exact = ReferenceContraction.Linear(shape, [.. x.Select(v => Math.Abs((double)v))], [.. w.Select(v => Math.Abs((double)v))], null);
        double worst = exact.Zip(Device.Download(y), (e, g) => Math.Abs(e - g)).Max() / exact.Max();
        Assert.That(worst, precision == ContractionPrecision.Single ? Is.LessThan(3e-6) : Is.LessThan(1e-3).And.GreaterThan(1e-6));
    }

    [Test]
    public void Operands_that_are_no_numbers_stay_so()
    {
        // The last is what a GPU makes of 0/0; rounding by its bits alone would give a zero.
        float[] x = [.. Enumerable.Repeat(1f, 5), float.NaN, float.PositiveInfinity, BitConverter.Int32BitsToSingle(0x7fffffff)];
        using Arena arena = new(Device);
        using CuBlasContraction contraction = CreateHere(arena);
        ArrayView<float> y = arena.Blank(8);
        contraction.Linear(new LinearShape(8, 1, 1), Operand.Abs(arena.Upload(x)), Operand.Of(arena.Upload([2])), Operand.None, y, default(NoEpilogue));
        Assert.That(Device.Download(y), Is.EqualTo([2f, 2f, 2f, 2f, 2f, float.NaN, float.PositiveInfinity, float.NaN]));
    }

    [Test]
    public void Batches_are_cut_where_a_grid_ends()
    {
        const int batch = ushort.MaxValue + 9;
        using Arena arena = new(Device);
        using CuBlasContraction contraction = CreateHere(arena);
        ArrayView<float> a = arena.Upload([.. Enumerable.Range(0, batch * 2).Select(k => (float)(k % 100))]), c = arena.Blank(batch);
        contraction.Products(new ProductShape(batch, 1, 1, 2) { StrideB = 0, IsExact = true }, Operand.Of(a), Operand.Of(arena.Upload([1, 2])), c, default(NoEpilogue));
        Assert.That(Device.Download(c), Is.EqualTo(Enumerable.Range(0, batch).Select(k => (float)((2 * k % 100) + (2 * ((2 * k) + 1) % 200)))));
    }

    [Test]
    public void Gives_back_what_it_borrows()
    {
        using Arena arena = new(Device);
        using CuBlasContraction contraction = CreateHere(arena);
        Assert.That(arena.LentBytes, Is.Zero);
        ArrayView<float> x = arena.Upload(DeviceFloats.Random(6 * 30, 1)), w = arena.Upload(DeviceFloats.Random(20 * 30, 2)), y = arena.Blank(6 * 20);
        long lent = arena.LentBytes;
        contraction.Linear(new LinearShape(6, 30, 20), Operand.Abs(x), Operand.Abs(w), Operand.None, y, default(NoEpilogue));
        Assert.That(arena.LentBytes, Is.EqualTo(lent));
    }

    private protected override IContraction Create(Arena arena) => CreateHere(arena);

    private protected override ContractionPrecision PrecisionOf(LinearShape shape) => shape.Rows > TiledContraction.FewRows ? precision : ContractionPrecision.Single;

    private protected override ContractionPrecision PrecisionOfProducts => precision;

    private static double[] Wide(float[] values) => Array.ConvertAll(values, v => (double)v);

    private CuBlasContraction CreateHere(Arena arena) =>
        CuBlasContraction.TryCreate(Device, arena, precision, out string obstacle) ?? throw new DeviceException(obstacle);
}
