using System.Globalization;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Lrp;
using Backtrace.Gpu.Targets;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Layer-wise relevance propagation (Bach et al. 2015) by rule sets of <see cref="Backtracer"/>. Relevance starts as the target's own score, as in Captum's
/// <c>LRP</c> and in AttnLRP's library LXT, so attributions, and what biases and ε take, add up to it. Softmax belongs behind the model, not into it. Layer
/// normalisation passes relevance in all but <see cref="AttnLrp"/>; neither Captum nor zennit has a rule for it.
/// </summary>
public static class Lrp
{
    /// <summary><see cref="RuleSet.LrpEpsilon"/>.</summary>
    /// <param name="model">The model.</param>
    /// <param name="epsilon">zennit: 1e-6. Captum: 1e-9.</param>
    /// <param name="device">As for <see cref="BacktraceExplainer"/>.</param>
    public static BacktraceExplainer Epsilon(ExplainedModel model, float epsilon = LrpFormula.DefaultEpsilon, Device? device = null) =>
        Of(model, RuleSet.LrpEpsilon(epsilon), "LRP-ε", device);

    /// <summary><see cref="RuleSet.LrpEpsilonPlus"/>.</summary>
    /// <inheritdoc cref="Epsilon" path="/param"/>
    public static BacktraceExplainer EpsilonPlus(ExplainedModel model, float epsilon = LrpFormula.DefaultEpsilon, Device? device = null) =>
        Of(model, RuleSet.LrpEpsilonPlus(epsilon), "LRP-ε+", device);

    /// <summary><see cref="RuleSet.LrpGamma"/>.</summary>
    /// <param name="model">The model.</param>
    /// <param name="gamma">zennit, Captum: 0.25. The formula is zennit's; Captum strengthens positive weights also where inputs or outputs are negative.</param>
    /// <param name="device">As for <see cref="BacktraceExplainer"/>.</param>
    public static BacktraceExplainer Gamma(ExplainedModel model, float gamma = 0.25f, Device? device = null) =>
        Of(model, RuleSet.LrpGamma(gamma), $"LRP-γ ({Text(gamma)})", device);

    /// <summary><see cref="RuleSet.LrpAlphaBeta"/>.</summary>
    /// <param name="model">The model.</param>
    /// <param name="alpha">zennit: 2. Captum has α = 1, β = 0 only.</param>
    /// <param name="beta">zennit: 1.</param>
    /// <param name="device">As for <see cref="BacktraceExplainer"/>.</param>
    public static BacktraceExplainer AlphaBeta(ExplainedModel model, float alpha = 2, float beta = 1, Device? device = null) =>
        Of(model, RuleSet.LrpAlphaBeta(alpha, beta), $"LRP-α{Text(alpha)}β{Text(beta)}", device);

    /// <summary><see cref="RuleSet.AttnLrp"/>.</summary>
    /// <param name="model">The model.</param>
    /// <param name="epsilon">LXT: 1e-6 in layers.</param>
    /// <param name="gamma">Above 0: the gamma rule in layers.</param>
    /// <param name="device">As for <see cref="BacktraceExplainer"/>.</param>
    public static BacktraceExplainer AttnLrp(ExplainedModel model, float epsilon = LrpFormula.DefaultEpsilon, float gamma = 0, Device? device = null) =>
        Of(model, RuleSet.AttnLrp(epsilon, gamma), gamma == 0 ? "AttnLRP" : $"AttnLRP (γ {Text(gamma)})", device);

    private static BacktraceExplainer Of(ExplainedModel model, RuleSet rules, string name, Device? device) =>
        new(model, new BacktracerOptions { Rules = rules }, name: name, device: device, target: classes => Target.Class(classes) with { Scaler = null });

    private static string Text(float value) => value.ToString(CultureInfo.InvariantCulture);
}
