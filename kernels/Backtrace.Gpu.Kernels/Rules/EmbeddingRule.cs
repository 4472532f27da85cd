using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Rows of a table y[.., D] looked up by ids [..], which are the only input.</summary>
public sealed record Embedding : Operation
{
    /// <inheritdoc/>
    public override string Name => "Embedding";

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1);
        long[] output = shapes.Outputs[0];
        shapes.Require(output.Length > 0, "the output has no axis");
        shapes.Input(0, output.AsSpan(0, output.Length - 1));
    }
}

/// <summary>An id gets the sum over its row (rules.md, B.9).</summary>
public sealed class EmbeddingRule : StreamwiseRule<Embedding>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Embedding operation) =>
        SumRows(context, context.Relevance().Values, context.Give(0).Values);

    internal static void SumRows(RuleContext context, ArrayView<float> relevance, ArrayView<float> result)
    {
        long width = context.OutputShape()[^1];
        context.Device.Run(new Fill { Target = result, Value = 0 }, result.Length);
        RowSums.Add(
            context.Device, new ValueTerm { Values = relevance }, result.Length, width, result, context.Scratch(RowSums.ScratchLength(result.Length, width)));
    }
}
