using Backtrace.Gpu.Kernels.Rules.Lrp;

namespace Backtrace.Gpu.Kernels.Rules;

public sealed partial class RuleSet
{
    /// <summary>
    /// Layer-wise relevance propagation (Bach et al. 2015) by the epsilon rule: layers, sums, means, average pooling, batch normalisation and products of two
    /// tensors share by R·z / (y ± ε). In a network of such operators, ReLU and max pooling, ε = 0 gives gradient x input. Relevance is signed. All
    /// else is as in <see cref="Backtrace"/>, embedding bags too, but recurrent cells, which give all to the signal and nothing to its gates; saturation is not tested. Contrastive mode runs each stream by itself.
    /// The default is that of zennit's <c>Epsilon</c>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">ε is negative or not finite.</exception>
    public static RuleSet LrpEpsilon(float epsilon = LrpFormula.DefaultEpsilon) => LrpWith(LrpFormula.Epsilon(epsilon), LrpFormula.Epsilon(epsilon), epsilon);

    /// <summary>LRP with the gamma rule in all layers, and the epsilon rule elsewhere. γ = 0.25 as in zennit and Captum.</summary>
    /// <exception cref="ArgumentOutOfRangeException">γ or ε is negative or not finite.</exception>
    public static RuleSet LrpGamma(float gamma = 0.25f, float epsilon = LrpFormula.DefaultEpsilon) =>
        LrpWith(LrpFormula.Gamma(gamma), LrpFormula.Gamma(gamma), epsilon);

    /// <summary>LRP with the alpha-beta rule in all layers, and the epsilon rule elsewhere. α = 2, β = 1 as in zennit; z⁺ is α = 1, β = 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">α − β is not 1, or β or ε is negative or not finite.</exception>
    public static RuleSet LrpAlphaBeta(float alpha = 2, float beta = 1, float epsilon = LrpFormula.DefaultEpsilon) =>
        LrpWith(LrpFormula.AlphaBeta(alpha, beta), LrpFormula.AlphaBeta(alpha, beta), epsilon);

    /// <summary>LRP as in zennit's composite <c>EpsilonPlus</c>: z⁺ in convolutions, the epsilon rule in dense layers and elsewhere.</summary>
    /// <exception cref="ArgumentOutOfRangeException">ε is negative or not finite.</exception>
    public static RuleSet LrpEpsilonPlus(float epsilon = LrpFormula.DefaultEpsilon) => LrpWith(LrpFormula.Epsilon(epsilon), LrpFormula.ZPlus, epsilon);

    /// <summary>LRP as in zennit's composite <c>EpsilonGammaBox</c> without its rule for the first layer: gamma in convolutions, epsilon elsewhere.</summary>
    /// <exception cref="ArgumentOutOfRangeException">γ or ε is negative or not finite.</exception>
    public static RuleSet LrpEpsilonGamma(float gamma = 0.25f, float epsilon = LrpFormula.DefaultEpsilon) =>
        LrpWith(LrpFormula.Epsilon(epsilon), LrpFormula.Gamma(gamma), epsilon);

    /// <summary>
    /// AttnLRP (Achtibat et al. 2024, arXiv 2402.05602): <see cref="LrpEpsilon"/>, with the Taylor decomposition of softmax in attention and elsewhere. Divisions by a
    /// deviation, RMS normalisations and activations pass relevance, products share equally. Mean and bias of layer normalisation take their share by epsilon, as in
    /// its library LXT (<c>layer_norm</c>). ε as there, where layers have 1e-6; sums and products of tensors, 1e-8 there, have the same one here.
    /// </summary>
    /// <param name="epsilon">Added to denominators, away from 0.</param>
    /// <param name="gamma">Above 0: the gamma rule in layers, which the paper recommends for vision transformers.</param>
    /// <exception cref="ArgumentOutOfRangeException">γ or ε is negative or not finite.</exception>
    public static RuleSet AttnLrp(float epsilon = LrpFormula.DefaultEpsilon, float gamma = 0)
    {
        LrpFormula formula = gamma == 0 ? LrpFormula.Epsilon(epsilon) : LrpFormula.Gamma(gamma);
        return LrpWith(formula, formula, epsilon)
            .With(new AttnLrpSoftmaxRule())
            .With(new LrpAttentionRule(epsilon, decomposesSoftmax: true))
            .With(new LrpLayerNormalisationRule(epsilon));
    }

    private static RuleSet LrpWith(LrpFormula dense, LrpFormula convolutions, float epsilon)
    {
        LrpFormula.Epsilon(epsilon); // checks it
        return Backtrace.WithoutSaturation()
            .With(new LrpLinearRule(dense))
            .With(new LrpConvolutionRule(convolutions))
            .With(new LrpTransposedConvolutionRule(convolutions))
            .With(new LrpAddRule(epsilon))
            .With(new LrpSumOverAxesRule(epsilon))
            .With(new LrpAveragePoolingRule(epsilon))
            .With(new LrpUpsampleRule(epsilon))
            .With(new LrpBatchNormalisationRule(epsilon))
            .With(new LrpMatrixProductRule(epsilon))
            .With(new LrpRecurrentRule(epsilon))
            .With(new LrpAttentionRule(epsilon, decomposesSoftmax: false));
    }
}
