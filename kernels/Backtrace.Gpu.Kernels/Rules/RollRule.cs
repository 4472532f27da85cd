using Backtrace.Gpu.Kernels.Indexing;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Positions shifted around the end of their axis.</summary>
/// <param name="Shifts">Shift per entry of <paramref name="Axes"/>.</param>
/// <param name="Axes">The axes; negative ones count from the end.</param>
public sealed record Roll(IReadOnlyList<long> Shifts, IReadOnlyList<int> Axes) : Operation
{
    /// <inheritdoc/>
    public override string Name => "Roll";

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1);
        shapes.Output(0, shapes.Inputs[0]);
        shapes.Require(Shifts.Count == Axes.Count, $"{Counted.Of(Shifts.Count, "shift")} for {Counted.Of(Axes.Count, "axis", "axes")}");
        foreach (int axis in Axes)
            shapes.Axis(shapes.Inputs[0], axis);
    }
}

/// <summary>Rolls back (rules.md, B.7).</summary>
public sealed class RollRule : StreamwiseRule<Roll>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Roll operation)
    {
        long[] shape = context.InputShape(0);
        List<(int, AxisTable)> tables = [];
        for (int k = 0; k < operation.Axes.Count; k++)
        {
            int axis = operation.Axes[k] < 0 ? operation.Axes[k] + shape.Length : operation.Axes[k];
            long size = shape[axis];
            long shift = operation.Shifts[k] % size + size;
            if (shift != size)
                tables.Add((axis, AxisTable.Select([.. LongRange(size).Select(p => (p + shift) % size)], (int)size)));
        }

        if (tables.Count == 0)
            context.Pass(0);
        else
            AxisMaps.Apply(context, tables, shape, context.Relevance().Values, context.Give(0).Values);
    }

    private static IEnumerable<long> LongRange(long size) => Enumerable.Range(0, (int)size).Select(p => (long)p);
}
