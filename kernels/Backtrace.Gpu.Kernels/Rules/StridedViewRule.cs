using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// Output entries, in row-major order of <paramref name="Shape"/>, are input entries Offset + Σ i·Stride of the input's contiguous
/// row-major order: slices, selections, permutations, expansions (stride 0), flips (negative strides), overlapping windows.
/// </summary>
/// <param name="Shape">Sizes; as many entries as the output, which may have another shape.</param>
/// <param name="Strides">One per size.</param>
/// <param name="Offset">Input position of the first output entry.</param>
/// <param name="Label">Name of the operator for people.</param>
public sealed record StridedView(IReadOnlyList<long> Shape, IReadOnlyList<long> Strides, long Offset, string Label = "View") : Operation
{
    /// <inheritdoc/>
    public override string Name => Label;

    /// <summary>Axes in another order.</summary>
    public static StridedView Permute(long[] shape, IReadOnlyList<int> axes)
    {
        long[] strides = StrideAxis.RowMajor(shape);
        return new([.. axes.Select(a => shape[Wrap(a, shape)])], [.. axes.Select(a => strides[Wrap(a, shape)])], 0, "Permute");
    }

    /// <summary>Every <paramref name="step"/>-th of <paramref name="count"/> positions of an axis, from <paramref name="start"/>; a negative step walks backwards.</summary>
    public static StridedView Slice(long[] shape, int axis, long start, long step, long count)
    {
        axis = Wrap(axis, shape);
        long[] strides = StrideAxis.RowMajor(shape);
        long offset = start * strides[axis];
        strides[axis] *= step;
        long[] sizes = [.. shape];
        sizes[axis] = count;
        return new(sizes, strides, offset, "Slice");
    }

    /// <summary>Axes in reverse.</summary>
    public static StridedView Flip(long[] shape, IReadOnlyList<int> axes)
    {
        long[] strides = StrideAxis.RowMajor(shape);
        long offset = 0;
        foreach (int a in axes)
        {
            int axis = Wrap(a, shape);
            offset += (shape[axis] - 1) * strides[axis];
            strides[axis] *= -1;
        }

        return new([.. shape], strides, offset, "Flip");
    }

    /// <summary>Axes of size 1, and new ones in front, repeated up to <paramref name="target"/>.</summary>
    public static StridedView Expand(long[] shape, long[] target)
    {
        long[] from = StrideAxis.RowMajor(shape);
        int added = target.Length - shape.Length;
        return new([.. target], [.. target.Select((size, k) => k < added || shape[k - added] == 1 ? 0 : from[k - added])], 0, "Expand");
    }

    /// <summary>Each position of an axis several times in a row.</summary>
    public static StridedView RepeatEach(long[] shape, int axis, long repeats)
    {
        int inner = Wrap(axis, shape) + 1;
        long[] strides = StrideAxis.RowMajor(shape);
        return new([.. shape[..inner], repeats, .. shape[inner..]], [.. strides[..inner], 0, .. strides[inner..]], 0, "RepeatEach");
    }

    /// <summary>The entries whose positions along two axes differ by <paramref name="offset"/>; they lie along a new last axis, in place of the two.</summary>
    public static StridedView Diagonal(long[] shape, long offset, int first, int second)
    {
        (first, second) = (Wrap(first, shape), Wrap(second, shape));
        long[] strides = StrideAxis.RowMajor(shape);
        (long down, long right) = (Math.Max(-offset, 0), Math.Max(offset, 0));
        long count = Math.Max(Math.Min(shape[first] - down, shape[second] - right), 0);
        return new([.. Others(shape), count], [.. Others(strides), strides[first] + strides[second]], (down * strides[first]) + (right * strides[second]), "Diagonal");

        IEnumerable<long> Others(long[] all) => all.Where((_, axis) => axis != first && axis != second);
    }

    /// <summary>Windows of <paramref name="size"/> positions of an axis, <paramref name="step"/> apart; the place in the window is a new last axis.</summary>
    public static StridedView Windows(long[] shape, int axis, long size, long step)
    {
        axis = Wrap(axis, shape);
        long[] sizes = [.. shape, size], strides = [.. StrideAxis.RowMajor(shape), 0];
        strides[^1] = strides[axis];
        strides[axis] *= step;
        sizes[axis] = ((shape[axis] - size) / step) + 1;
        return new(sizes, strides, 0, "Windows");
    }

    private static int Wrap(int axis, long[] shape) => axis < 0 ? axis + shape.Length : axis;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1);
        shapes.Output(0, [.. Shape]);
        shapes.Require(Strides.Count == Shape.Count, $"{Counted.Of(Strides.Count, "stride")} for {Counted.Of(Shape.Count, "size")}");
        if (Shape.Any(size => size == 0))
            return;
        long[] reach = [.. Strides.Select((stride, axis) => stride * (Shape[axis] - 1))];
        shapes.Within([Offset + reach.Where(r => r < 0).Sum(), Offset + reach.Where(r => r > 0).Sum()], DeviceTensor.Count(shapes.Inputs[0]), "input 0");
    }
}

/// <summary>The inverse of the view: scatter into zeros, sums over copies (rules.md, B.7).</summary>
public sealed class StridedViewRule : StreamwiseRule<StridedView>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, StridedView operation)
    {
        long[] rows = StrideAxis.RowMajor([.. operation.Shape]);
        StridedMap map = new(operation.Shape.Select((size, k) => new StrideAxis(size, operation.Strides[k], rows[k])), operation.Offset);
        long length = DeviceTensor.Count(context.InputShape(0));
        if (map.IsIdentity(length))
            context.Pass(0);
        else
            map.Run(context.Device, context.Relevance().Values, context.Give(0).Values, StridedSum.Plain);
    }
}
