using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Contraction;

[TestFixture(8)]
[TestFixture(16)]
public sealed unsafe class CpuContractionTests(int lanes)
{
    private static readonly Part[] Parts = [Part.Signed, Part.Absolute];

    [Test]
    public void Linear_matches_the_definition([Values(1, 2, 3, 7, 8, 9, 13, 65, 200)] int rows, [Values(1, 5, 8, 17, 60, 300)] int inputs, [Values(1, 3, 10, 16, 33, 128)] int outputs)
    {
        var shape = new LinearShape(rows, inputs, outputs);
        foreach (Part part in Parts)
            CheckLinear(shape, part, ContractionPrecision.Single);
    }

    [Test]
    public void Large_linear_matches_the_definition()
    {
        CheckLinear(new LinearShape(150, 1030, 523), Part.Absolute, ContractionPrecision.Single);
        CheckLinear(new LinearShape(1, 1030, 2100), Part.Absolute, ContractionPrecision.Single);
        CheckLinear(new LinearShape(3000, 61, 37), Part.Signed, ContractionPrecision.Single);
    }

    [Test]
    public void Convolution_matches_the_definition([Range(0, 299)] int seed)
    {
        var random = new Random(seed);
        ConvolutionShape shape = RandomShape(random);
        CheckConvolution(shape, Parts[seed % 2], seed % 11 == 0 ? ContractionPrecision.BFloat16 : ContractionPrecision.Single, random);
    }

    [Test]
    public void Residual_network_shapes_match_the_definition()
    {
        foreach (int batch in new[] { 1, 3 })
        {
            foreach (var (i, o, size, stride) in new[] { (3, 16, 32, 1), (16, 16, 32, 1), (16, 32, 32, 2), (32, 32, 16, 1), (32, 64, 16, 2), (64, 64, 8, 1) })
                CheckConvolution(Square(batch, i, o, size, 3, stride, 1), Part.Absolute, ContractionPrecision.Single, new Random(i));
            CheckConvolution(Square(batch, 32, 64, 16, 1, 2, 0), Part.Absolute, ContractionPrecision.Single, new Random(1));
            CheckConvolution(Square(batch, 64, 64, 7, 1, 1, 0), Part.Absolute, ContractionPrecision.Single, new Random(1));
        }
    }

    [Test]
    public void Rounds_operands_to_bf16([Values(1, 4, 20)] int rows) => CheckLinear(new LinearShape(rows, 77, 45), Part.Absolute, ContractionPrecision.BFloat16);

    [Test]
    public void Rows_do_not_depend_on_their_neighbours([Values(20, 64)] int rows)
    {
        var all = new LinearShape(rows, 130, 70);
        float[] together = RunLinear(all, 0, rows, Workers.ThreadPool, false);
        float[] apart = RunLinear(all, 5, 11, Workers.Single, false);
        Assert.That(apart, Is.EqualTo(together[(5 * 70)..(16 * 70)]));
        together = RunLinear(all, 0, rows, Workers.ThreadPool, true);
        for (int count = 1; count < 10; count++)
            Assert.That(RunLinear(all, 5, count, Workers.Single, true), Is.EqualTo(together[(5 * 130)..((5 + count) * 130)]));
    }

    [Test]
    public void Few_rows_do_not_depend_on_their_neighbours()
    {
        var all = new LinearShape(CpuRows.Most, 130, 70);
        float[] together = RunLinear(all, 0, CpuRows.Most, Workers.ThreadPool, false);
        for (int row = 0; row < CpuRows.Most; row++)
            Assert.That(RunLinear(all, row, 1, Workers.Single, false), Is.EqualTo(together[(row * 70)..((row + 1) * 70)]));
    }

    private static ConvolutionShape Square(int batch, int input, int output, int size, int kernel, int stride, int padding)
    {
        int result = (size + 2 * padding - kernel) / stride + 1;
        return new(batch, input, output, 1, new(1, size, size), new(1, result, result), new(1, kernel, kernel), new(1, stride, stride), new(0, padding, padding), new(1, 1, 1));
    }

    private static ConvolutionShape RandomShape(Random random)
    {
        int dimensions = random.Next(1, 4);
        int groups = random.Next(4) == 0 ? random.Next(2, 5) : 1;
        int per = random.Next(3) == 0 ? 1 : random.Next(1, 10);
        int output = random.Next(1, 10);
        var (id, od, kd, sd, pd, dd) = dimensions < 3 ? (1, 1, 1, 1, 0, 1) : RandomAxis(random, 8);
        var (ih, oh, kh, sh, ph, dh) = dimensions < 2 ? (1, 1, 1, 1, 0, 1) : RandomAxis(random, 20);
        var (iw, ow, kw, sw, pw, dw) = RandomAxis(random, 40);
        return new(random.Next(1, 4), groups * per, groups * output, groups, new(id, ih, iw), new(od, oh, ow), new(kd, kh, kw), new(sd, sh, sw), new(pd, ph, pw), new(dd, dh, dw));
    }

    // The output may end before or after the input does: padding need not be symmetric.
    private static (int Input, int Output, int Kernel, int Stride, int Padding, int Dilation) RandomAxis(Random random, int most)
    {
        int kernel = random.Next(1, 5), stride = random.Next(2) == 0 ? 1 : random.Next(1, 4), dilation = random.Next(3) == 0 ? random.Next(1, 4) : 1;
        int padding = random.Next(0, 3), input = random.Next(1, most);
        int output = Math.Max(1, ((input + padding + random.Next(0, 3) - (dilation * (kernel - 1)) - 1) / stride) + 1);
        return (input, output, kernel, stride, padding, dilation);
    }

    private CpuContraction Create(Workers workers, ContractionPrecision precision) =>
        new(workers, precision) { Tile = lanes == 8 ? CpuTile.Medium : CpuTile.Wide };

    private void CheckLinear(LinearShape shape, Part part, ContractionPrecision precision)
    {
        var random = new Random(shape.GetHashCode());
        using var x = Random(random, shape.Rows * shape.Inputs);
        using var w = Random(random, shape.Outputs * shape.Inputs);
        using var bias = Random(random, shape.Outputs);
        using var y = Random(random, shape.Rows * shape.Outputs, zeros: true);
        double[] xs = x.Read(part, precision), ws = w.Read(part, precision), bs = bias.Read(part);
        Check(ReferenceContraction.Linear(shape, xs, ws, bs), precision, (c, r, e) => c.Linear(shape, new(x.View, part), new(w.View, part), new(bias.View, part), r, e));
        Check(ReferenceContraction.Linear(shape, xs, ws, null), precision, (c, r, e) => c.Linear(shape, new(x.View, part), new(w.View, part), Operand.None, r, e));
        double[] ys = y.Read(Part.Signed, precision);
        Check(ReferenceContraction.LinearTransposed(shape, ys, ws), precision, (c, r, e) => c.LinearTransposed(shape, Operand.Of(y.View), new(w.View, part), r, e));
    }

    private void CheckConvolution(ConvolutionShape s, Part part, ContractionPrecision precision, Random random)
    {
        using var x = Random(random, s.Batch * s.InChannels * s.Input.Volume);
        using var w = Random(random, s.OutChannels * (s.InChannels / s.Groups) * s.Kernel.Volume);
        using var y = Random(random, s.Batch * s.OutChannels * s.Output.Volume);
        using var bias = Random(random, s.OutChannels);
        using var biasX = Random(random, s.InChannels);
        bool biased = random.Next(2) == 0;
        double[] xs = x.Read(part, precision), ws = w.Read(part, precision), ys = y.Read(Part.Signed, precision);
        Check(ReferenceContraction.Convolution(s, xs, ws, biased ? bias.Read(part) : null), precision, (c, r, e) => c.Convolution(s, new(x.View, part), new(w.View, part), biased ? new(bias.View, part) : Operand.None, r, e));
        Check(ReferenceContraction.ConvolutionTransposed(s, ys, ws, biased ? biasX.Read(part) : null), precision, (c, r, e) => c.ConvolutionTransposed(s, Operand.Of(y.View), new(w.View, part), biased ? new(biasX.View, part) : Operand.None, r, e));
    }

    private void Check(double[] expected, ContractionPrecision precision, Action<CpuContraction, ILGPU.ArrayView<float>, CountingEpilogue> run)
    {
        double scale = expected.Max(Math.Abs) + 1e-30;
        float[]? first = null;
        foreach (Workers workers in new[] { Workers.Single, new EagerWorkers(2), new EagerWorkers(5) })
        {
            using var contraction = Create(workers, precision);
            using var result = new HostFloats(expected.Length);
            using var calls = new HostFloats(expected.Length, _ => 0);
            run(contraction, result.View, new CountingEpilogue(result.View.Pointer(), calls.View.Pointer()));
            float[] got = result.ToArray();
            Assert.That(calls.ToArray(), Is.All.EqualTo(1f));
            Assert.That(result.GuardsHold && calls.GuardsHold);
            double worst = expected.Zip(got, (e, g) => Math.Abs(e + 1 - g)).Max();
            Assert.That(worst, Is.LessThan((5e-6 * scale) + 5e-7));
            first ??= got;
            Assert.That(got, Is.EqualTo(first), "bits depend on the number of threads");
        }
    }

    private float[] RunLinear(LinearShape all, int row, int count, Workers workers, bool transposed)
    {
        int from = transposed ? all.Outputs : all.Inputs, to = transposed ? all.Inputs : all.Outputs;
        var random = new Random(3);
        using var x = Random(random, all.Rows * from);
        using var w = Random(random, all.Outputs * all.Inputs);
        using var y = new HostFloats(count * to);
        using var contraction = Create(workers, ContractionPrecision.Single);
        var shape = all with { Rows = count };
        var part = Operand.Abs(x.View.SubView(row * from, count * from));
        if (transposed)
            contraction.LinearTransposed(shape, part, Operand.Abs(w.View), y.View, default(NoEpilogue));
        else
            contraction.Linear(shape, part, Operand.Abs(w.View), Operand.None, y.View, default(NoEpilogue));
        return y.ToArray();
    }

    private static HostFloats Random(Random random, int length, bool zeros = false) =>
        new(length, _ => zeros && random.Next(3) == 0 ? 0 : (random.NextSingle() * 2) - 1);

    /// <summary>More parts than processors, last part first.</summary>
    private sealed class EagerWorkers(int count) : Workers
    {
        public override int Count => count;

        public override void Run(int parts, delegate*<void*, int, void> part, void* state)
        {
            for (int k = parts - 1; k >= 0; k--)
                part(state, k);
        }
    }
}
