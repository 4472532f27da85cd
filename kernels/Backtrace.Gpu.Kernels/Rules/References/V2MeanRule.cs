using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>Every entry of a mean gets the same part, whatever its value (rules.md, B.10), as in the second implementation. Sums are canonical.</summary>
public sealed class V2MeanRule : Rule<SumOverAxes>
{
    private static readonly SumOverAxesRule Canonical = new();

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, SumOverAxes operation)
    {
        if (operation.Label == "Mean")
            Spread(context, operation);
        else
            Canonical.Apply(context);
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, SumOverAxes operation)
    {
        if (operation.Label != "Mean")
        {
            Canonical.ApplyContrastive(supporting, opposing);
            return;
        }

        Spread(supporting, operation);
        Spread(opposing, operation);
    }

    private static void Spread(RuleContext context, SumOverAxes operation)
    {
        long[] shape = context.InputShape(0), reduced = SumOverAxesRule.Reduced(shape, operation.Axes);
        float share = (float)DeviceTensor.Count(reduced) / DeviceTensor.Count(shape);
        StridedMap.Broadcast(shape, reduced).Run(context.Device, context.Relevance().Values, context.Give(0).Values, new StridedSum { Factor = share });
    }
}
