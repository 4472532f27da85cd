namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Hands the relevance of a node's outputs to its inputs. Stateless: one instance serves every run.</summary>
public abstract class Rule
{
    /// <summary>The operation that this rule serves.</summary>
    public abstract Type Serves { get; }

    /// <summary>
    /// Reads <see cref="RuleContext.Relevance"/> and fills, for each input, either <see cref="RuleContext.Give"/> or
    /// <see cref="RuleContext.Pass"/>; reports what it keeps to the ledger.
    /// </summary>
    public abstract void Apply(RuleContext context);
}

/// <summary>A rule for one kind of operation.</summary>
public abstract class Rule<TOperation> : Rule
    where TOperation : Operation
{
    /// <inheritdoc/>
    public sealed override Type Serves => typeof(TOperation);

    /// <inheritdoc/>
    public sealed override void Apply(RuleContext context) => Apply(context, (TOperation)context.Operation);

    /// <summary>As <see cref="Rule.Apply"/>, with the node's attributes.</summary>
    protected abstract void Apply(RuleContext context, TOperation operation);
}
