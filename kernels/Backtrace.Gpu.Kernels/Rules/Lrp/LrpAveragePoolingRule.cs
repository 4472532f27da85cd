using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>Each entry of a window gets R·x / (Σx ± ε), zennit's <c>Norm</c>; padding takes no part.</summary>
/// <param name="epsilon">Added to the mean, away from 0.</param>
public sealed class LrpAveragePoolingRule(float epsilon = LrpFormula.DefaultEpsilon) : StreamwiseRule<AveragePooling>
{
    /// <inheritdoc/>
    public override bool IsSigned => true;

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, AveragePooling operation)
    {
        PoolShape shape = operation.Shape;
        float count = shape.IsAdaptive || shape.IsGlobal ? (float)shape.Input.Volume / shape.Output.Volume : shape.Kernel.Volume;
        if (shape.IsGlobal)
            LrpSums.Apply(context, [shape.Planes, shape.Input.Volume], [1], epsilon * count);
        else
            ByWindows(context, shape, epsilon * count);
    }

    private static void ByWindows(RuleContext context, PoolShape shape, float epsilon)
    {
        (int Axis, AxisTable Table)[] windows =
            [(1, Pooling.Axis(shape, s => s.D).Windows()), (2, Pooling.Axis(shape, s => s.H).Windows()), (3, Pooling.Axis(shape, s => s.W).Windows())];
        ArrayView<float> x = context.Input(0).Values;
        ArrayView<float> result = context.Give(0).Values;
        ArrayView<float> sums = context.Scratch(context.Relevance().Length);
        AxisMaps.Apply(context, windows, [shape.Planes, shape.Input.D, shape.Input.H, shape.Input.W], x, sums);
        ArrayView<float> coefficients = Stabilised.Divide(context, sums, epsilon);
        AxisMaps.Apply(
            context, [.. windows.Select(w => (w.Axis, w.Table.Transposed()))], [shape.Planes, shape.Output.D, shape.Output.H, shape.Output.W], coefficients, result);
        context.Device.Run(new PartByValue { Activation = x, Values = result, Factor = 1 }, result.Length, workPerEntry: 3);
    }
}
