namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// An operator whose output entries answer to its input entries one by one: activations, normalisation, softmax, dropout, casts,
/// products with constants, and changes of shape that keep the order of entries (rules.md, B.7, B.10).
/// </summary>
/// <param name="Label">Name of the operator for people.</param>
public record Identity(string Label) : Operation
{
    /// <inheritdoc/>
    public sealed override string Name => Label;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1, orMore: true);
        shapes.Output(0, shapes.Inputs[0]);
    }
}

/// <summary>Relevance passes unchanged.</summary>
public sealed class IdentityRule : StreamwiseRule<Identity>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Identity operation) => context.Pass(0);
}
