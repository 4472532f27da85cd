using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Product over any axes, whether or not they stay with size 1.</summary>
/// <param name="Axes">The axes, counted from the front; negative ones from the end.</param>
public sealed record ProductOverAxes(IReadOnlyList<int> Axes) : Operation
{
    /// <inheritdoc/>
    public override string Name => "Prod";

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.Reduces(Axes);
    }
}

/// <summary>Equal parts to all n factors, whatever their values: the rule of products for more than two (rules.md, B.8).</summary>
public sealed class ProductOverAxesRule : StreamwiseRule<ProductOverAxes>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, ProductOverAxes operation)
    {
        long[] shape = context.InputShape(0), reduced = [.. shape];
        foreach (int axis in operation.Axes)
            reduced[axis < 0 ? axis + shape.Length : axis] = 1;
        float part = (float)DeviceTensor.Count(reduced) / DeviceTensor.Count(shape);
        StridedMap.Broadcast(shape, reduced).Run(context.Device, context.Relevance().Values, context.Give(0).Values, new StridedSum { Factor = part });
    }
}
