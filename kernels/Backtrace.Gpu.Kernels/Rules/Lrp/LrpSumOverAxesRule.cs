namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>Each entry of a sum or mean gets R·x / (Σx ± ε).</summary>
/// <param name="epsilon">Added to the sum or mean, away from 0.</param>
public sealed class LrpSumOverAxesRule(float epsilon = LrpFormula.DefaultEpsilon) : StreamwiseRule<SumOverAxes>
{
    /// <inheritdoc/>
    public override bool IsSigned => true;

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, SumOverAxes operation)
    {
        long[] shape = context.InputShape(0);
        float count = operation.Label == "Mean" ? (float)context.Input(0).Length / context.Relevance().Length : 1;
        LrpSums.Apply(context, shape, operation.Axes, epsilon * count);
    }
}
