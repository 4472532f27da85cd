using Backtrace.Gpu.Kernels.Rules.Contrast;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>
/// Average pooling as the first implementation has it (rules.md, C.4): over one axis, contrastive streams that are directed at a sign without
/// entries are lost. All else is canonical.
/// </summary>
public sealed class V1AveragePoolingRule : Rule<AveragePooling>
{
    private static readonly AveragePoolingRule Canonical = new();

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, AveragePooling operation) => Canonical.Apply(context);

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, AveragePooling operation)
    {
        if (operation.Axes == 1 && !operation.Shape.IsAdaptive)
            AveragePoolingRule.ApplyByWindows(new StreamPair(supporting, opposing, dropsMissingSigns: true), operation.Shape);
        else
            Canonical.ApplyContrastive(supporting, opposing);
    }
}
