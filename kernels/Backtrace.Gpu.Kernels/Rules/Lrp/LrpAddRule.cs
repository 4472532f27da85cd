using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>Every operand of a sum gets R·a / (Σa ± ε), zennit's <c>Norm</c>. The parts of constants are reported.</summary>
/// <param name="epsilon">Added to the sum, away from 0.</param>
public sealed class LrpAddRule(float epsilon = LrpFormula.DefaultEpsilon) : StreamwiseRule<Add>
{
    /// <inheritdoc/>
    public override bool IsSigned => true;

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Add operation)
    {
        long[] shape = context.OutputShape();
        ArrayView<float> sum = context.Scratch(context.Relevance().Length);
        context.Device.Run(new Fill { Target = sum, Value = operation.Constant }, sum.Length);
        for (int k = 0; k < operation.Addends.Count; k++)
            Spread(context, shape, k, sum, new StridedSum { Factor = operation.Addends[k].Scale, Accumulate = 1 });

        ArrayView<float> coefficients = Stabilised.Divide(context, sum, epsilon);
        for (int k = 0; k < operation.Addends.Count; k++)
        {
            Addend addend = operation.Addends[k];
            if (addend.IsConstant)
            {
                Spread(context, shape, k, sum, new StridedSum { Factor = addend.Scale });
                context.Keep(LedgerEntry.Constant, new SignedProductTerm { Values = coefficients, Weights = sum }, sum.Length);
            }
            else
            {
                StridedSum weighted = StridedSum.Times(context.Input(k).Values, addend.Scale);
                StridedMap.SumTo(context.InputShape(k), shape).Run(context.Device, coefficients, context.Give(k).Values, weighted);
            }
        }

        if (operation.Constant != 0)
        {
            context.Device.Run(new Fill { Target = sum, Value = operation.Constant }, sum.Length);
            context.Keep(LedgerEntry.Constant, new SignedProductTerm { Values = coefficients, Weights = sum }, sum.Length);
        }
    }

    private static void Spread(RuleContext context, long[] shape, int input, ArrayView<float> target, StridedSum options) =>
        StridedMap.Broadcast(shape, context.InputShape(input)).Run(context.Device, context.Input(input).Values, target, options);
}
