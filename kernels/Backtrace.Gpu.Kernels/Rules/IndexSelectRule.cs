using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Positions of an axis in any order and number: index_select, repeat_interleave.</summary>
/// <param name="Axis">The axis; negative ones count from the end.</param>
/// <param name="Indices">Input position of each output position; negative ones count from the end.</param>
public sealed record IndexSelect(int Axis, IReadOnlyList<long> Indices) : Operation
{
    /// <inheritdoc/>
    public override string Name => "IndexSelect";

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1);
        long[] sizes = [.. shapes.Inputs[0]];
        int axis = shapes.Axis(sizes, Axis);
        long size = sizes[axis];
        shapes.Within(Indices.Select(index => index < 0 ? index + size : index), size, $"axis {axis}");
        sizes[axis] = Indices.Count;
        shapes.Output(0, sizes);
    }
}

/// <summary>Output entries that are each a copy of any one input entry: gather, take, advanced indexing, packed sequences.</summary>
/// <param name="Indices">Flat input position of each output entry; −1 for an entry that comes from nowhere, whose relevance is dropped.</param>
/// <param name="Label">Name of the operator for people.</param>
/// <param name="Width">Number of neighbouring floats that make one entry.</param>
public sealed record IndexMap(IReadOnlyList<long> Indices, string Label = "Gather", int Width = 1) : Operation
{
    /// <inheritdoc/>
    public override string Name => Label;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1);
        shapes.Output(0, Indices.Count, Width);
        long count = DeviceTensor.Count(shapes.Inputs[0]);
        shapes.Require(Width > 0 && count % Width == 0, $"input 0, {NodeShapes.Text(shapes.Inputs[0])}, does not consist of entries of {Width}");
        shapes.Within(Indices.Where(index => index >= 0), count / Width, "input 0");
    }
}

/// <summary>Each position gets the sum of its copies, in the order of the output (rules.md, B.7).</summary>
public sealed class IndexSelectRule : StreamwiseRule<IndexSelect>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, IndexSelect operation)
    {
        long[] shape = context.InputShape(0);
        int axis = operation.Axis < 0 ? operation.Axis + shape.Length : operation.Axis;
        long size = shape[axis];
        AxisTable table = AxisTable.Select([.. operation.Indices.Select(i => i < 0 ? i + size : i)], (int)size);
        AxisMaps.Apply(context, [(axis, table.Transposed())], context.OutputShape(), context.Relevance().Values, context.Give(0).Values);
    }
}

/// <summary>Each entry gets the sum of its copies, in the order of the output (rules.md, B.7).</summary>
public sealed class IndexMapRule : StreamwiseRule<IndexMap>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, IndexMap operation)
    {
        int inputs = checked((int)(DeviceTensor.Count(context.InputShape(0)) / operation.Width));
        int outputs = operation.Indices.Count;
        long[] shape = [outputs, operation.Width];
        var entries = operation.Indices.Select((i, k) => new AxisEntry((int)i, k, 1)).Where(e => e.Row >= 0);
        AxisMaps.Apply(context, [(0, new AxisTable(inputs, outputs, entries))], shape, context.Relevance().Values, context.Give(0).Values);
        if (!operation.Indices.Any(i => i < 0))
            return;

        var lost = context.Scratch(DeviceTensor.Count(shape));
        AxisTable outside = new(outputs, outputs, operation.Indices.Select((i, k) => new AxisEntry(k, k, i < 0 ? 1 : 0)).Where(e => e.Weight != 0));
        AxisMaps.Apply(context, [(0, outside)], shape, context.Relevance().Values, lost);
        context.Keep(LedgerEntry.Dropped, new ValueTerm { Values = lost }, lost.Length);
    }
}
