using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Several outputs, one after the other along an axis of the input: split, chunk, unbind.</summary>
/// <param name="Axis">The axis of the input; negative ones count from the end.</param>
public sealed record Split(int Axis) : Operation
{
    /// <inheritdoc/>
    public override string Name => "Split";
}

/// <summary>The pieces are put back; one that nobody used counts as zero (rules.md, B.7).</summary>
public sealed class SplitRule : StreamwiseRule<Split>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Split operation)
    {
        long[] shape = context.InputShape(0);
        int axis = operation.Axis < 0 ? operation.Axis + shape.Length : operation.Axis;
        long outer = DeviceTensor.Count(shape.AsSpan(0, axis));
        long whole = DeviceTensor.Count(shape.AsSpan(axis));
        ArrayView<float> target = context.Give(0).Values;
        if (!Enumerable.Range(0, context.OutputCount).All(context.HasRelevance))
            context.Device.Run(new Fill { Target = target, Value = 0 }, target.Length);
        long offset = 0;
        for (int k = 0; k < context.OutputCount; k++)
        {
            long length = outer == 0 ? 0 : DeviceTensor.Count(context.OutputShape(k)) / outer;
            StridedMap map = new([new(outer, whole, length), new(length, 1, 1)], offset);
            if (context.HasRelevance(k))
                map.Write(context.Device, context.Relevance(k).Values, target, StridedSum.Plain);
            offset += length;
        }
    }
}
