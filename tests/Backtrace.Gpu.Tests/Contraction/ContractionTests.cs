using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Contraction;

/// <summary>What every backend must compute, over random shapes.</summary>
public abstract unsafe class ContractionTests
{
    private static readonly Part[] Parts = Enum.GetValues<Part>();

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
        CheckLinear(new LinearShape(150, 1030, 523), Part.Positive, ContractionPrecision.Single);
        CheckLinear(new LinearShape(1, 1030, 2100), Part.Negative, ContractionPrecision.Single);
    }

    [Test]
    public void Convolution_matches_the_definition([Range(0, 299)] int seed)
    {
        var random = new Random(seed);
        ConvolutionShape shape = RandomShape(random);
        CheckConvolution(shape, Parts[seed % Parts.Length], seed % 11 == 0 ? ContractionPrecision.BFloat16 : ContractionPrecision.Single, random);
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
    public void Rounds_operands_to_bf16([Values(1, 4, 20)] int rows)
    {
        foreach (Part part in Parts)
            CheckLinear(new LinearShape(rows, 77, 45), part, ContractionPrecision.BFloat16);
    }

    [Test]
    public void Products_match_the_definition() =>
        Prop.ForAll(Geometries.Products(70), shape => CheckProducts(shape, ContractionPrecision.Single)).Check(Seeded.Cases(150));

    [Test]
    public void Large_products_match_the_definition([Values] bool transposedA, [Values] bool transposedB, [Values] bool accumulates)
    {
        ProductShape shape = new(3, 130, 150, 530) { TransposedA = transposedA, TransposedB = transposedB, Accumulates = accumulates };
        CheckProducts(shape, ContractionPrecision.Single);
        CheckProducts(shape with { Batch = 1, Rows = 9, Columns = 700, StrideA = 9 * 530, StrideB = 700 * 530, StrideC = 9 * 700 }, ContractionPrecision.Single);
        CheckProducts(new ProductShape(2, 20, 33, 17) { TransposedA = transposedA, TransposedB = transposedB, Accumulates = accumulates }, ContractionPrecision.BFloat16);
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

    private void CheckProducts(ProductShape shape, ContractionPrecision precision)
    {
        var random = new Random(shape.GetHashCode());
        Part partA = Parts[random.Next(Parts.Length)], partB = Parts[random.Next(Parts.Length)];
        using var a = Random(random, (int)((shape.Batch - 1) * shape.StrideA) + (shape.Rows * shape.Depth));
        using var b = Random(random, (int)((shape.Batch - 1) * shape.StrideB) + (shape.Depth * shape.Columns));
        using var before = Random(random, (int)(shape.Batch * shape.StrideC));
        double[] expected = ReferenceContraction.Products(shape, a.Read(partA, precision), b.Read(partB, precision), before.Read(Part.Signed));
        Check(expected, precision, (c, r, e) =>
        {
            if (shape.IsGapless)
            {
                c.Products(shape, new(a.View, partA), new(b.View, partB), r, e);
                return;
            }

            c.Products(shape, new(a.View, partA), new(b.View, partB), r, default(NoEpilogue));
            Direct.Run(e, 0, r.Length);
        }, before.ToArray());
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

    /// <summary>The backends to try; all must give the same bits.</summary>
    private protected abstract IEnumerable<(IContraction Contraction, IDisposable Owner)> Create(ContractionPrecision precision);

    /// <summary>Largest error, relative to the largest result.</summary>
    private protected virtual double Tolerance(ContractionPrecision precision) => 5e-6;

    private void Check(double[] expected, ContractionPrecision precision, Action<IContraction, ILGPU.ArrayView<float>, CountingEpilogue> run, float[]? before = null)
    {
        double scale = expected.Max(Math.Abs) + 1e-30;
        float[]? first = null;
        foreach (var (contraction, owner) in Create(precision))
        {
            using var _ = owner;
            using var result = new HostFloats(expected.Length, before == null ? null : i => before[i]);
            using var calls = new HostFloats(expected.Length, _ => 0);
            run(contraction, result.View, new CountingEpilogue(result.View.Pointer(), calls.View.Pointer()));
            float[] got = result.ToArray();
            Assert.That(calls.ToArray(), Is.All.EqualTo(1f));
            Assert.That(result.GuardsHold && calls.GuardsHold);
            double worst = expected.Zip(got, (e, g) => Math.Abs(e + 1 - g)).Max();
            Assert.That(worst, Is.LessThan((Tolerance(precision) * scale) + 5e-7));
            first ??= got;
            Assert.That(got, Is.EqualTo(first), "bits depend on the number of threads");
        }
    }

    private protected static HostFloats Random(Random random, int length, bool zeros = false) =>
        new(length, _ => zeros && random.Next(3) == 0 ? 0 : (random.NextSingle() * 2) - 1);
}
