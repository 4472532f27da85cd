namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Hands the relevance of a node's outputs to its inputs. Stateless: one instance serves every run.</summary>
public abstract class Rule
{
    /// <summary>The operation that this rule serves.</summary>
    public abstract Type Serves { get; }

    /// <summary>
    /// True if relevance may change its sign and grow on the way. Rounding is then in proportion to the relevance at a node without its signs, which
    /// the ledger measures too, instead of to the start relevance.
    /// </summary>
    public virtual bool IsSigned => false;

    /// <summary>True if the values of input <paramref name="index"/> are read: what the operation says, unless a rule reads more or less.</summary>
    public virtual bool ReadsInput(Operation operation, int index) => operation.ReadsInput(index);

    /// <summary>True if the values of the output are read in a mode: what the operation says, unless a rule reads more or less.</summary>
    public virtual bool ReadsOutput(Operation operation, Mode mode) => operation.ReadsOutput(mode);

    /// <summary>The parameters that the rule reads of a <see cref="HostNode"/>: those that were given, and what follows from them.</summary>
    /// <exception cref="ArgumentException">One is missing.</exception>
    internal virtual IReadOnlyDictionary<string, HostTensor> Complete(Operation operation, IReadOnlyDictionary<string, HostTensor> given) => given;

    /// <summary>
    /// Reads <see cref="RuleContext.Relevance"/> and fills, for each input, either <see cref="RuleContext.Give"/> or
    /// <see cref="RuleContext.Pass"/>; reports what it keeps to the ledger.
    /// </summary>
    public abstract void Apply(RuleContext context);

    /// <summary>
    /// As <see cref="Apply(RuleContext)"/>, for the two streams of contrastive mode at once. Both contexts are of one node and differ in
    /// relevance, results and ledger only; an output or input that one stream serves, the other serves too.
    /// </summary>
    public abstract void ApplyContrastive(RuleContext supporting, RuleContext opposing);
}

/// <summary>A rule for one kind of operation.</summary>
public abstract class Rule<TOperation> : Rule
    where TOperation : Operation
{
    /// <inheritdoc/>
    public sealed override Type Serves => typeof(TOperation);

    /// <inheritdoc/>
    public sealed override void Apply(RuleContext context) => Apply(context, (TOperation)context.Operation);

    /// <inheritdoc/>
    public sealed override void ApplyContrastive(RuleContext supporting, RuleContext opposing) =>
        ApplyContrastive(supporting, opposing, (TOperation)supporting.Operation);

    /// <summary>As <see cref="Rule.Apply"/>, with the node's attributes.</summary>
    protected abstract void Apply(RuleContext context, TOperation operation);

    /// <summary>As <see cref="Rule.ApplyContrastive"/>, with the node's attributes.</summary>
    protected abstract void ApplyContrastive(RuleContext supporting, RuleContext opposing, TOperation operation);
}
