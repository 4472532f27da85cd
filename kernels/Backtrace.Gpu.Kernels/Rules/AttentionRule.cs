using Backtrace.Gpu.Kernels.Rules.Contrast;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// Half of every output's relevance goes to the values and half to the weights; the weights hand theirs through the softmax to the scores, and these
/// in halves to queries and keys, in proportion to |contribution| each time (rules.md, B.12). The weights are computed again, block by block (E.7).
/// </summary>
public sealed class AttentionRule : Rule<Attention>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Attention operation) => new AttentionPass(context, operation).Run();

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, Attention operation) =>
        new ContrastiveAttention(new StreamPair(supporting, opposing), operation).Run();
}
