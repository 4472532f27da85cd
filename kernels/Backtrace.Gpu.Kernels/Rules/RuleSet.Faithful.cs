using Backtrace.Gpu.Kernels.Rules.Lrp;

namespace Backtrace.Gpu.Kernels.Rules;

public sealed partial class RuleSet
{
    /// <summary>
    /// Rules chosen for faithfulness: what they rank high changes the answer most when it is taken away. Evidence keeps its sign. As <see cref="AttnLrp"/>, but
    /// layer normalisation shares what its mean and bias take, and convolutions use the gamma rule with γ = 3. Start with the score itself:
    /// <c>Target.Argmax() with { Scaler = null }</c>. docs/evaluation.md compares it with <see cref="Backtrace"/>, whose relevance is conserved and never negative, and with other methods.
    /// </summary>
    public static RuleSet Faithful { get; }

    private static RuleSet CreateFaithful() => AttnLrp()
        .With(new LrpConvolutionRule(LrpFormula.Gamma(3)))
        .With(new LrpTransposedConvolutionRule(LrpFormula.Gamma(3)))
        .With(new LrpLayerNormalisationRule());
}
