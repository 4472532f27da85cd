using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>
/// What the second implementation does with a layer that it has no rule for (rules.md, C.25): relevance is resized to the input's shape whatever the layer
/// computes, and rescaled to the sum that arrived if that is positive. Sums are taken along the first axis, the samples. What changes all the same is
/// reported as dropped, with its sign.
/// </summary>
internal static class V2Alignment
{
    public static void Apply(RuleContext context)
    {
        ArrayView<float> relevance = context.Relevance().Values, result = context.Give(0).Values;
        long[] shape = context.InputShape(0);
        context.Device.RunItems(AlignToShape.Of(relevance, context.OutputShape(), result, shape), result.Length, 16);
        RescaleRows.Apply(context, result, relevance, shape[0]);
        context.KeepRemainder(relevance, result);
    }
}
