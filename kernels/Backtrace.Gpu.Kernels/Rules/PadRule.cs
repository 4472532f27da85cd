using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>What padding is filled with.</summary>
public enum PadMode
{
    /// <summary>A constant.</summary>
    Constant,

    /// <summary>The mirror image without the edge.</summary>
    Reflect,

    /// <summary>The entry at the edge.</summary>
    Replicate,

    /// <summary>The other end.</summary>
    Circular,
}

/// <summary>Entries added before and after each axis; negative numbers crop.</summary>
/// <param name="Mode">What is added.</param>
/// <param name="Before">One per axis.</param>
/// <param name="After">One per axis.</param>
public sealed record Pad(PadMode Mode, IReadOnlyList<long> Before, IReadOnlyList<long> After) : Operation
{
    /// <inheritdoc/>
    public override string Name => "Pad";

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1);
        long[] input = shapes.Inputs[0], output = new long[input.Length];
        shapes.Require(Before.Count == input.Length && After.Count == input.Length, $"{NodeShapes.Text(input)} has not as many axes as the padding");
        for (int axis = 0; axis < input.Length; axis++)
        {
            long size = input[axis], most = Math.Max(Before[axis], After[axis]);
            output[axis] = size + Before[axis] + After[axis];
            bool hasOrigins = most <= 0 || Mode switch { PadMode.Constant => true, PadMode.Reflect => most < size, _ => size > 0 };
            shapes.Require(output[axis] >= 0 && hasOrigins, $"axis {axis} of {NodeShapes.Text(input)} cannot be padded by {Before[axis]} and {After[axis]}");
        }

        shapes.Output(0, output);
    }
}

/// <summary>Relevance on a copy goes to its original; relevance on constant padding is dropped (rules.md, B.7).</summary>
public sealed class PadRule : StreamwiseRule<Pad>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Pad operation)
    {
        if (operation.Mode == PadMode.Constant)
            Crop(context, operation);
        else
            Collect(context, operation);
    }

    private static void Crop(RuleContext context, Pad operation)
    {
        long[] shape = context.InputShape(0);
        long[] target = StrideAxis.RowMajor(shape);
        long[] source = StrideAxis.RowMajor(context.OutputShape());
        List<StrideAxis> axes = [];
        long targetOffset = 0, sourceOffset = 0;
        for (int k = 0; k < shape.Length; k++)
        {
            long before = Math.Max(0, -operation.Before[k]), after = Math.Max(0, -operation.After[k]);
            axes.Add(new StrideAxis(Math.Max(0, shape[k] - before - after), target[k], source[k]));
            targetOffset += before * target[k];
            sourceOffset += Math.Max(0, operation.Before[k]) * source[k];
        }

        ArrayView<float> relevance = context.Relevance().Values;
        new StridedMap(axes, targetOffset, sourceOffset).Run(context.Device, relevance, context.Give(0).Values, StridedSum.Plain);
        if (operation.Before.All(n => n <= 0) && operation.After.All(n => n <= 0))
            return;

        // What lies outside: a copy with the inside set to zero.
        ArrayView<float> outside = context.Scratch(relevance.Length);
        context.Device.Run(new Copy { Source = relevance, Target = outside }, relevance.Length);
        StridedMap inside = new(axes.Select(a => a with { Target = a.Source }), sourceOffset, sourceOffset);
        inside.Write(context.Device, relevance, outside, new StridedSum { Factor = 0 });
        context.Keep(LedgerEntry.Dropped, new ValueTerm { Values = outside }, relevance.Length);
    }

    private static void Collect(RuleContext context, Pad operation)
    {
        long[] shape = context.InputShape(0);
        List<(int, AxisTable)> tables = [];
        for (int k = 0; k < shape.Length; k++)
        {
            (long before, long after, long size) = (operation.Before[k], operation.After[k], shape[k]);
            if (before == 0 && after == 0)
                continue;
            long[] origins = new long[before + size + after];
            for (long o = 0; o < origins.Length; o++)
                origins[o] = Origin(operation.Mode, o - before, size);
            tables.Add((k, AxisTable.Select(origins, (int)size).Transposed()));
        }

        if (tables.Count == 0)
            context.Pass(0);
        else
            AxisMaps.Apply(context, tables, context.OutputShape(), context.Relevance().Values, context.Give(0).Values);
    }

    private static long Origin(PadMode mode, long position, long size) => mode switch
    {
        PadMode.Reflect => position < 0 ? -position : position >= size ? 2 * (size - 1) - position : position,
        PadMode.Replicate => Math.Clamp(position, 0, size - 1),
        _ => ((position % size) + size) % size,
    };
}
