namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Max pooling over one to three axes, also adaptive and global; relevance is that of output 0 (the values).</summary>
/// <param name="Shape">Sizes.</param>
/// <param name="Label">Name of the operator for people.</param>
public sealed record MaxPooling(PoolShape Shape, string Label = "MaxPool") : Operation
{
    /// <inheritdoc/>
    public override string Name => Label;

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => true;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes) => Shape.Check(shapes);
}

/// <summary>All entries that equal their window's maximum share its relevance equally (rules.md, B.5).</summary>
public sealed class MaxPoolingRule : StreamwiseRule<MaxPooling>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, MaxPooling operation)
    {
        if (operation.Shape.IsGlobal)
            MaxOverAxesRule.Apply(context, [operation.Shape.Planes, operation.Shape.Input.Volume], [1]);
        else
            Pooling.Apply(context, operation.Shape, isMaximum: true);
    }
}
