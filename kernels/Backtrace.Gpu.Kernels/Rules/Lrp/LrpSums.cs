using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>The epsilon rule of sums over axes.</summary>
internal static class LrpSums
{
    /// <param name="context">The node.</param>
    /// <param name="shape">Shape of its input.</param>
    /// <param name="axes">The axes that are summed over.</param>
    /// <param name="epsilon">Added to the sum, away from 0.</param>
    public static void Apply(RuleContext context, long[] shape, IReadOnlyList<int> axes, float epsilon)
    {
        long[] reduced = SumOverAxesRule.Reduced(shape, axes);
        ArrayView<float> x = context.Input(0).Values;
        ArrayView<float> sums = context.Scratch(context.Relevance().Length);
        StridedMap.SumTo(reduced, shape).Run(context.Device, x, sums, StridedSum.Plain);
        ArrayView<float> coefficients = Stabilised.Divide(context, sums, epsilon);
        StridedMap.Broadcast(shape, reduced).Run(context.Device, coefficients, context.Give(0).Values, StridedSum.Times(x));
    }
}
