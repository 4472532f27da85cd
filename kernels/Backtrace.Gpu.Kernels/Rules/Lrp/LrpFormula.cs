namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>
/// How layer-wise relevance propagation (Bach et al. 2015) shares the relevance of a layer's units: the choice that is made per layer. It serves
/// <see cref="LrpLinearRule"/>, <see cref="LrpConvolutionRule"/> and <see cref="LrpTransposedConvolutionRule"/>. With z = w·x of one connection, p and n the
/// sums of a unit's positive contributions and of its negative ones without their sign (a bias is one of them), and y = p − n its value.
/// </summary>
public abstract class LrpFormula
{
    /// <summary>Added to denominators, away from 0: zennit's <c>Epsilon(epsilon=1e-6)</c> and <c>stabilize</c>. Captum's <c>EpsilonRule</c> adds 1e-9.</summary>
    public const float DefaultEpsilon = 1e-6f;

    private protected LrpFormula()
    {
    }

    /// <summary>z⁺/p of every unit: α = 1, β = 0; zennit's <c>ZPlus</c>, which allows negative inputs, and deep Taylor decomposition where there are none.</summary>
    public static LrpFormula ZPlus { get; } = AlphaBeta(1, 0);

    /// <summary>R·z / (y ± ε), the sign being that of y; 0 is LRP-0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">ε is negative or not finite.</exception>
    public static LrpFormula Epsilon(float epsilon = DefaultEpsilon) => new EpsilonFormula(Checked(epsilon, nameof(epsilon)));

    /// <summary>
    /// R·(z + γz⁺) / (y + γp) where y is positive, R·(z − γz⁻) / (y − γn) where it is negative (Montavon et al. 2019; Andéol et al. 2021 for inputs of both
    /// signs). γ = 0.25 is the default of zennit's <c>Gamma</c> and of Captum's <c>GammaRule</c>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">γ is negative or not finite.</exception>
    public static LrpFormula Gamma(float gamma = 0.25f) => new GammaFormula(Checked(gamma, nameof(gamma)));

    /// <summary>R·(α·z⁺/p − β·z⁻/n). The defaults are those of zennit's <c>AlphaBeta</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">β is negative, or α − β is not 1.</exception>
    public static LrpFormula AlphaBeta(float alpha = 2, float beta = 1)
    {
        Checked(beta, nameof(beta));
        if (!(Math.Abs(alpha - beta - 1) <= 1e-6f))
            throw new ArgumentOutOfRangeException(nameof(alpha), alpha, $"α − β must be 1, or relevance is not conserved: with β = {beta}, set α to {beta + 1}.");
        return new AlphaBetaFormula(alpha, beta);
    }

    /// <summary>True if the values of the units are read.</summary>
    internal abstract bool ReadsOutput { get; }

    /// <summary>Fills the relevance of input 0 and reports what biases take and what is dropped.</summary>
    /// <param name="context">The node: input 0, parameters <c>weight</c> and <c>bias</c>.</param>
    /// <param name="map">The layer's linear map.</param>
    /// <param name="inner">As for <see cref="Affine"/>.</param>
    internal abstract void Apply<TMap>(RuleContext context, TMap map, long inner)
        where TMap : struct, ILinearMap;

    private static float Checked(float value, string name) =>
        value >= 0 && float.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be a number that is not negative.");
}
