using Backtrace.Gpu.Kernels.Rules.Lrp;

namespace Backtrace.Gpu.Kernels.Rules;

public sealed partial class RuleSet
{
    /// <summary>
    /// Rules chosen for faithfulness: what they rank high changes the answer most when it is taken away. Evidence keeps its sign. As <see cref="AttnLrp"/>, but
    /// convolutions use the gamma rule with γ = 3: on networks without convolutions the two are the same. Start with the score itself:
    /// <c>Target.Argmax() with { Scaler = null }</c>. docs/evaluation.md compares it with <see cref="Backtrace"/>, whose relevance is conserved and never negative, and with other methods.
    /// </summary>
    public static RuleSet Faithful { get; }

    private static RuleSet CreateFaithful() => AttnLrp()
        .With(new LrpConvolutionRule(LrpFormula.Gamma(3)))
        .With(new LrpTransposedConvolutionRule(LrpFormula.Gamma(3)));
}
