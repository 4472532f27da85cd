using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>An id gets the mean over its row (rules.md, C.12), as in the first implementation; the rest is lost, and reported as dropped.</summary>
public sealed class V1EmbeddingRule : StreamwiseRule<Embedding>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Embedding operation)
    {
        ArrayView<float> relevance = context.Relevance().Values;
        ArrayView<float> result = context.Give(0).Values;
        float share = 1f / context.OutputShape()[^1];
        ArrayView<float> scaled = context.Scratch(relevance.Length);
        context.Device.Run(new Scale { Source = relevance, Target = scaled, Factor = share }, relevance.Length);
        EmbeddingRule.SumRows(context, scaled, result);
        context.Device.Run(new Scale { Source = relevance, Target = scaled, Factor = 1 - share }, relevance.Length);
        context.Keep(LedgerEntry.Dropped, new ValueTerm { Values = scaled }, relevance.Length);
    }
}
