using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>
/// Concatenation as in the second implementation (rules.md, C.18): negative relevance becomes 0, the rest is rescaled to the sum that arrived if that is
/// positive, sample by sample, and then cut. Where none is negative this is canonical.
/// </summary>
public sealed class V2ConcatenateRule : StreamwiseRule<Concatenate>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Concatenate operation)
    {
        ArrayView<float> relevance = context.Relevance().Values, kept = context.Scratch(relevance.Length);
        long[] shape = context.OutputShape();
        context.Device.Run(new CopySide { Source = relevance, Target = kept, Sign = 1 }, kept.Length);
        RescaleRows.Apply(context, kept, relevance, operation.Axis == 0 || operation.Axis == -shape.Length ? 1 : shape[0]);
        ConcatenateRule.TakeApart(context, operation.Axis, kept);
        context.KeepRemainder(relevance, kept);
    }
}
