using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Rows of a table y[.., D] looked up by ids [..], which are the only input.</summary>
public sealed record Embedding : Operation
{
    /// <inheritdoc/>
    public override string Name => "Embedding";
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
