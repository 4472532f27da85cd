namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>
/// Attention as two products that share as <see cref="LrpMatrixProductRule"/> does, with a softmax between them: an identity, or that of AttnLRP. The weights
/// are computed again, block by block, as in <see cref="AttentionRule"/>.
/// </summary>
/// <param name="epsilon">Added to denominators, away from 0.</param>
/// <param name="decomposesSoftmax">True for AttnLRP's rule, see <see cref="AttnLrpSoftmaxRule"/>.</param>
public sealed class LrpAttentionRule(float epsilon = LrpFormula.DefaultEpsilon, bool decomposesSoftmax = true) : StreamwiseRule<Attention>
{
    /// <inheritdoc/>
    public override bool IsSigned => true;

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Attention operation) => new LrpAttentionPass(context, operation, epsilon, decomposesSoftmax).Run();
}
