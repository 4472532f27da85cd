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

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1);
        long[] input = shapes.Inputs[0];
        int axis = shapes.Axis(input, Axis);
        long rest = DeviceTensor.Count([.. input[..axis], .. input[(axis + 1)..]]), sum = 0;
        for (int output = 0; output < shapes.Outputs.Count; output++)
        {
            long length = DeviceTensor.Count(shapes.Outputs[output]);
            shapes.Require(rest == 0 || length % rest == 0, $"output {output}, {NodeShapes.Text(shapes.Outputs[output])}, is no part of {NodeShapes.Text(input)} along axis {axis}");
            sum += length;
        }

        shapes.Require(sum == rest * input[axis], $"the outputs have {sum} values together, and the input {NodeShapes.Text(input)} has {rest * input[axis]}");
    }
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
