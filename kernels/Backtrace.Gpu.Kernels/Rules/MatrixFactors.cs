using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>The operands of a <see cref="MatrixProduct"/> as a batch of matrices: leading axes are expanded to those of the result.</summary>
internal sealed class MatrixFactors
{
    private readonly RuleContext context;
    private readonly long[][] full;

    public MatrixFactors(RuleContext context)
    {
        this.context = context;
        (long[] a, long[] b) = AsMatrices(context.InputShape(0), context.InputShape(1));
        int rows = (int)a[^2], depth = (int)a[^1], columns = (int)b[^1];
        int batch = checked((int)(context.Relevance().Length / ((long)rows * columns)));
        long[] leading = Leading(a, b);
        full = [[.. leading, rows, depth], [.. leading, depth, columns]];
        if (DeviceTensor.Count(b) == (long)depth * columns)
        {
            // One matrix for all of the batch: its rows are those of one product, which then sums what the matrix gets.
            full[1] = b;
            Shape = new ProductShape(1, checked(batch * rows), columns, depth);
        }
        else
        {
            Shape = new ProductShape(batch, rows, columns, depth);
        }

        First = Expanded(0);
        Second = Expanded(1);
    }

    /// <summary>Sizes of the products.</summary>
    public ProductShape Shape { get; }

    /// <summary>The first operand, [batch, rows, depth].</summary>
    public ArrayView<float> First { get; }

    /// <summary>The second operand, [batch, depth, columns].</summary>
    public ArrayView<float> Second { get; }

    /// <summary>Parts of the operands, multiplied.</summary>
    public void Multiply(Part first, Part second, ArrayView<float> target, bool accumulates = false) =>
        context.Contraction.Products(
            Shape with { Accumulates = accumulates }, new Operand(First, first), new Operand(Second, second), target, default(NoEpilogue));

    /// <summary>Coefficients of the units times a part of the second operand, shaped as the first.</summary>
    public void ToFirst(ArrayView<float> coefficients, Part second, ArrayView<float> target, bool accumulates = false)
    {
        ProductShape product = new(Shape.Batch, Shape.Rows, Shape.Depth, Shape.Columns) { TransposedB = true, Accumulates = accumulates };
        context.Contraction.Products(product, Operand.Of(coefficients), new Operand(Second, second), target, default(NoEpilogue));
    }

    /// <summary>Coefficients of the units times a part of the first operand, shaped as the second.</summary>
    public void ToSecond(ArrayView<float> coefficients, Part first, ArrayView<float> target, bool accumulates = false)
    {
        ProductShape product = new(Shape.Batch, Shape.Depth, Shape.Columns, Shape.Rows) { TransposedA = true, Accumulates = accumulates };
        context.Contraction.Products(product, new Operand(First, first), Operand.Of(coefficients), target, default(NoEpilogue));
    }

    /// <summary>Hands coefficients of the units to each dynamic operand, by the absolute values or by the signed ones of both.</summary>
    public void HandOut(MatrixProduct operation, ArrayView<float> coefficients, Part part)
    {
        if (operation.FirstIsDynamic)
        {
            ArrayView<float> toFirst = Target(context, 0, First);
            ToFirst(coefficients, part, toFirst);
            Finish(0, First, toFirst, part, operation.Part);
        }

        if (operation.SecondIsDynamic)
        {
            ArrayView<float> toSecond = Target(context, 1, Second);
            ToSecond(coefficients, part, toSecond);
            Finish(1, Second, toSecond, part, operation.Part);
        }
    }

    /// <summary>Memory for the relevance of an expanded operand: that of the input itself where nothing was expanded.</summary>
    public static ArrayView<float> Target(RuleContext context, int index, ArrayView<float> expanded) =>
        DeviceTensor.Count(context.InputShape(index)) == expanded.Length ? context.Give(index).Values : context.Scratch(expanded.Length);

    /// <summary>Sums the relevance of copies, if there are any.</summary>
    public void Reduce(RuleContext context, int index, ArrayView<float> expanded)
    {
        long[] input = context.InputShape(index);
        if (DeviceTensor.Count(input) != expanded.Length)
            StridedMap.SumTo(input, full[index]).Run(context.Device, expanded, context.Give(index).Values, StridedSum.Plain);
    }

    /// <summary>Shapes of the operands with two axes at least: a vector is a row on the left and a column on the right.</summary>
    public static (long[] A, long[] B) AsMatrices(long[] a, long[] b) => (a.Length == 1 ? [1, a[0]] : a, b.Length == 1 ? [b[0], 1] : b);

    /// <summary>The axes in front of the matrices, broadcast against each other.</summary>
    public static long[] Leading(long[] a, long[] b)
    {
        int rank = Math.Max(a.Length, b.Length) - 2;
        long At(long[] shape, int axis) => axis - rank + shape.Length - 2 is >= 0 and var k ? shape[k] : 1;
        return [.. Enumerable.Range(0, rank).Select(k => Math.Max(At(a, k), At(b, k)))];
    }

    private void Finish(int index, ArrayView<float> operand, ArrayView<float> target, Part part, float factor)
    {
        if (part == Part.Absolute)
            context.Device.Run(new PartByAbsolute { Activation = operand, Values = target, Factor = factor }, target.Length);
        else
            context.Device.Run(new PartByValue { Activation = operand, Values = target, Factor = factor }, target.Length);
        Reduce(context, index, target);
    }

    private ArrayView<float> Expanded(int index)
    {
        ArrayView<float> values = context.Input(index).Values;
        long length = DeviceTensor.Count(full[index]);
        if (values.Length == length)
            return values;
        ArrayView<float> expanded = context.Scratch(length);
        StridedMap.Broadcast(full[index], context.InputShape(index)).Run(context.Device, values, expanded, StridedSum.Plain);
        return expanded;
    }
}
