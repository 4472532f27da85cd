using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>
/// An RMS normalisation that a model writes out, operator by operator as in the second implementation (rules.md, C.26): the product sends half of the
/// relevance to x and half into the mean of squares, which hands it to all of its entries in equal parts.
/// </summary>
public sealed class V2RootMeanSquareRule : StreamwiseRule<RootMeanSquareNormalisation>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, RootMeanSquareNormalisation operation)
    {
        long[] shape = context.InputShape(0), reduced = SumOverAxesRule.Reduced(shape, operation.Axes);
        long means = DeviceTensor.Count(reduced);
        ArrayView<float> relevance = context.Relevance().Values, sums = context.Scratch(means), result = context.Give(0).Values;
        StridedMap.SumTo(reduced, shape).Run(context.Device, relevance, sums, StridedSum.Plain);
        context.Device.Run(new Scale { Source = relevance, Target = result, Factor = 0.5f }, relevance.Length);
        float share = 0.5f * means / relevance.Length;
        StridedMap.Broadcast(shape, reduced).Run(context.Device, sums, result, new StridedSum { Factor = share, Accumulate = 1 });
    }
}
