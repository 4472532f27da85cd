using Backtrace.Gpu.Kernels.Rules.Recurrent;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>
/// The epsilon rule of recurrent layers (Arras et al. 2017): a gate is a constant factor, all relevance of a product goes to its signal; sums and dense layers
/// share with their signs.
/// </summary>
/// <param name="epsilon">Added to denominators, away from 0.</param>
public sealed class LrpRecurrentRule(float epsilon = LrpFormula.DefaultEpsilon) : StreamwiseRule<RecurrentLayers>
{
    /// <inheritdoc/>
    public override bool IsSigned => true;

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, RecurrentLayers operation) => RecurrentRule.Apply(context, operation, epsilon);
}
