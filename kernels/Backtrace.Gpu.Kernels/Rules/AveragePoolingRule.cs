namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Average pooling over one to three axes, also adaptive and global. The divisor (count_include_pad) cancels.</summary>
/// <param name="Shape">Sizes.</param>
/// <param name="Label">Name of the operator for people.</param>
public sealed record AveragePooling(PoolShape Shape, string Label = "AvgPool") : Operation
{
    /// <inheritdoc/>
    public override string Name => Label;

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => true;
}

/// <summary>R_i = |x_i| · Σ over its windows of R / Σ|x| (rules.md, B.5); padding takes no part.</summary>
public sealed class AveragePoolingRule : Rule<AveragePooling>
{
    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, AveragePooling operation) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, AveragePooling operation)
    {
        if (operation.Shape.IsGlobal)
            SumOverAxesRule.Apply(context, [operation.Shape.Planes, operation.Shape.Input.Volume], [1]);
        else
            Pooling.Apply(context, operation.Shape, isMaximum: false);
    }
}
