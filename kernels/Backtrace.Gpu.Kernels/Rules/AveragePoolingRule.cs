using Backtrace.Gpu.Kernels.Indexing;
using Backtrace.Gpu.Kernels.Rules.Contrast;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Average pooling over one to three axes, also adaptive and global. The divisor (count_include_pad) cancels.</summary>
/// <param name="Shape">Sizes.</param>
/// <param name="Label">Name of the operator for people.</param>
public sealed record AveragePooling(PoolShape Shape, string Label = "AvgPool") : Operation
{
    /// <inheritdoc/>
    public override string Name => Label;

    /// <summary>Number of axes of the layer, which may be 1 long: as few as the input's sizes allow, if it is not given.</summary>
    public int Axes { get; init; } = Shape.Input.D > 1 ? 3 : Shape.Input.H > 1 ? 2 : 1;

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => true;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes) => Shape.Check(shapes);
}

/// <summary>R_i = |x_i| · Σ over its windows of R / Σ|x| (rules.md, B.5); padding takes no part.</summary>
public sealed class AveragePoolingRule : Rule<AveragePooling>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, AveragePooling operation)
    {
        if (operation.Shape.IsGlobal)
            SumOverAxesRule.Apply(context, [operation.Shape.Planes, operation.Shape.Input.Volume], [1]);
        else
            Pooling.Apply(context, operation.Shape, isMaximum: false);
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, AveragePooling operation)
    {
        PoolShape shape = operation.Shape;
        StreamPair pair = new(supporting, opposing);
        if (shape.IsGlobal)
        {
            SumOverAxesRule.ApplyContrastive(pair, [shape.Planes, shape.Input.Volume], [1]);
            return;
        }

        ApplyByWindows(pair, shape);
    }

    internal static void ApplyByWindows(StreamPair pair, PoolShape shape)
    {
        RuleContext supporting = pair.Supporting;
        if (pair.HasOneSign && !pair.DropsMissingSigns)
        {
            pair.Each(context => Pooling.Apply(context, shape, isMaximum: false));
            return;
        }

        long[] input = [shape.Planes, shape.Input.D, shape.Input.H, shape.Input.W];
        long[] output = [shape.Planes, shape.Output.D, shape.Output.H, shape.Output.W];
        (int Axis, AxisTable Table)[] forward =
            [(1, Pooling.Axis(shape, s => s.D).Windows()), (2, Pooling.Axis(shape, s => s.H).Windows()), (3, Pooling.Axis(shape, s => s.W).Windows())];
        (int Axis, AxisTable Table)[] backward = [.. forward.Select(t => (t.Axis, t.Table.Transposed()))];
        LinearMaps.Apply(pair, new SignedMap(false, (x, y) => AxisMaps.Apply(supporting, forward, input, x, y), (y, x) => AxisMaps.Apply(supporting, backward, output, y, x)));
    }
}
