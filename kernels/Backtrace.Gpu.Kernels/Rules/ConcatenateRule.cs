using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Operands side by side along an axis.</summary>
/// <param name="Axis">The axis; negative ones count from the end.</param>
public sealed record Concatenate(int Axis) : Operation
{
    /// <inheritdoc/>
    public override string Name => "Concatenate";

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1, orMore: true);
        long[] output = shapes.Outputs[0];
        int axis = shapes.Axis(output, Axis);
        long sum = 0;
        foreach (long[] input in shapes.Inputs)
        {
            if (input is [0])
                continue;
            shapes.Require(input.Length == output.Length && output.Index().All(size => size.Index == axis || size.Item == input[size.Index]), $"{NodeShapes.Text(input)} is no part of {NodeShapes.Text(output)} along axis {axis}");
            sum += input[axis];
        }

        shapes.Require(sum == output[axis], $"the inputs have {sum} positions together, and the output {NodeShapes.Text(output)} has {output[axis]}");
    }
}

/// <summary>Operands side by side along a new axis.</summary>
/// <param name="Axis">The axis of the output; negative ones count from the end.</param>
public sealed record Stack(int Axis) : Operation
{
    /// <inheritdoc/>
    public override string Name => "Stack";

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1, orMore: true);
        long[] output = shapes.Outputs[0];
        int axis = shapes.Axis(output, Axis);
        shapes.Require(output[axis] == shapes.Inputs.Count, $"the output {NodeShapes.Text(output)} is not a stack of {shapes.Inputs.Count} along axis {axis}");
        for (int input = 0; input < shapes.Inputs.Count; input++)
            shapes.Input(input, [.. output[..axis], .. output[(axis + 1)..]]);
    }
}

/// <summary>Each operand gets its slice of the relevance (rules.md, B.7).</summary>
public sealed class ConcatenateRule : StreamwiseRule<Concatenate>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Concatenate operation) => TakeApart(context, operation.Axis, context.Relevance().Values);

    /// <summary>Cuts the output's relevance along an axis into the pieces of the inputs.</summary>
    internal static void TakeApart(RuleContext context, int axis, ArrayView<float> relevance)
    {
        long[] shape = context.OutputShape();
        axis = axis < 0 ? axis + shape.Length : axis;
        long inner = DeviceTensor.Count(shape.AsSpan(axis + 1));
        long whole = inner * shape[axis];
        long offset = 0;
        for (int k = 0; k < context.InputCount; k++)
        {
            DeviceTensor piece = context.Give(k);
            long outer = DeviceTensor.Count(shape.AsSpan(0, axis));
            long length = outer == 0 ? 0 : piece.Length / outer;
            StridedMap map = new([new(outer, length, whole), new(length, 1, 1)], 0, offset);
            map.Run(context.Device, relevance, piece.Values, StridedSum.Plain);
            offset += length;
        }
    }
}

/// <summary>Each operand gets its slice of the relevance (rules.md, B.7).</summary>
public sealed class StackRule : StreamwiseRule<Stack>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Stack operation) => ConcatenateRule.TakeApart(context, operation.Axis, context.Relevance().Values);
}
