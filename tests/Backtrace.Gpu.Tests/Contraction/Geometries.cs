using Backtrace.Gpu.Kernels.Contraction;
using FsCheck;
using FsCheck.Fluent;

namespace Backtrace.Gpu.Tests.Contraction;

/// <summary>Random sizes for FsCheck.</summary>
internal static class Geometries
{
    private static readonly Gen<(int Input, int Output, int Kernel, int Stride, int Padding, int Dilation)> Axis =
        from kernel in Gen.Choose(1, 4)
        from stride in Gen.Frequency((2, Gen.Constant(1)), (1, Gen.Choose(2, 3)))
        from dilation in Gen.Frequency((2, Gen.Constant(1)), (1, Gen.Choose(2, 3)))
        from padding in Gen.Choose(0, 2)
        from input in Gen.Choose(1, 11)
        from surplus in Gen.Choose(0, 2)
        select (input, Math.Max(1, (input + padding + surplus - dilation * (kernel - 1) - 1) / stride + 1), kernel, stride, padding, dilation);

    private static readonly Gen<(int Input, int Output, int Kernel, int Stride, int Padding, int Dilation)> NoAxis = Gen.Constant((1, 1, 1, 1, 0, 1));

    /// <summary>Dense layers with at most <paramref name="largest"/> rows, inputs and outputs.</summary>
    internal static Arbitrary<LinearShape> Linear(int largest) => Arb.From(
        from rows in Gen.Frequency((1, Gen.Choose(1, 5)), (1, Gen.Choose(1, largest)))
        from inputs in Gen.Choose(1, largest)
        from outputs in Gen.Choose(1, largest)
        select new LinearShape(rows, inputs, outputs));

    /// <summary>Convolutions over one to three axes, grouped and depthwise ones among them.</summary>
    internal static Arbitrary<ConvolutionShape> Convolution { get; } = Arb.From(
        from axes in Gen.Choose(1, 3)
        from d in axes < 3 ? NoAxis : Axis
        from h in axes < 2 ? NoAxis : Axis
        from w in Axis
        from batch in Gen.Choose(1, 3)
        from groups in Gen.Frequency((2, Gen.Constant(1)), (1, Gen.Choose(2, 4)))
        from channels in Gen.Choose(1, 9)
        from rows in Gen.Choose(1, 12)
        select new ConvolutionShape(
            batch, groups * channels, groups * rows, groups, new(d.Input, h.Input, w.Input), new(d.Output, h.Output, w.Output), new(d.Kernel, h.Kernel, w.Kernel),
            new(d.Stride, h.Stride, w.Stride), new(d.Padding, h.Padding, w.Padding), new(d.Dilation, h.Dilation, w.Dilation)));

    /// <summary>Batches of products with at most <paramref name="largest"/> rows, columns and steps; shared operands and gaps among them.</summary>
    internal static Arbitrary<ProductShape> Products(int largest) => Arb.From(
        from batch in Gen.Choose(1, 5)
        from rows in Gen.Choose(1, largest)
        from columns in Gen.Choose(1, largest)
        from depth in Gen.Choose(1, largest)
        from flags in Gen.Choose(0, 7)
        from shared in Gen.Choose(0, 3)
        from gap in Gen.Elements(0, 0, 3)
        select new ProductShape(batch, rows, columns, depth)
        {
            TransposedA = (flags & 1) != 0,
            TransposedB = (flags & 2) != 0,
            Accumulates = (flags & 4) != 0,
            StrideA = shared == 1 ? 0 : (rows * depth) + gap,
            StrideB = shared == 2 ? 0 : (columns * depth) + gap,
            StrideC = (rows * columns) + gap,
        });
}
