namespace Backtrace.Gpu.Kernels.Rules;

public sealed partial class RuleSet
{
    /// <summary>The canonical rules of docs/rules.md. A new rule is one line here.</summary>
    public static RuleSet Backtrace { get; } = Of(
        new LinearRule(),
        new ConvolutionRule(),
        new IdentityRule());
}
