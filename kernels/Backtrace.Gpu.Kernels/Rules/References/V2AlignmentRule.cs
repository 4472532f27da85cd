namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>
/// A layer without a rule in the second implementation (rules.md, C.25): its relevance is resized to the input's shape and rescaled, in contrastive mode each
/// stream by itself.
/// </summary>
/// <typeparam name="TOperation">A layer of one input, with as many axes in as out, five at most.</typeparam>
public sealed class V2AlignmentRule<TOperation> : StreamwiseRule<TOperation>
    where TOperation : Operation
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, TOperation operation) => V2Alignment.Apply(context);
}
