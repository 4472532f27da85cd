namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>A rule whose shares do not depend on the sign of contributions: contrastive mode hands each stream on by itself.</summary>
public abstract class StreamwiseRule<TOperation> : Rule<TOperation>
    where TOperation : Operation
{
    /// <inheritdoc/>
    protected sealed override void ApplyContrastive(RuleContext supporting, RuleContext opposing, TOperation operation)
    {
        Apply(supporting, operation);
        Apply(opposing, operation);
    }
}
