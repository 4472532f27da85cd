namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>Convolutions over one axis have no rule in the second implementation (rules.md, C.25): relevance is resized and rescaled. Others are canonical.</summary>
public sealed class V2ConvolutionRule : Rule<Convolution>
{
    private static readonly ConvolutionRule Canonical = new();

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Convolution operation)
    {
        if (operation.Axes == 1)
            V2Alignment.Apply(context);
        else
            Canonical.Apply(context);
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, Convolution operation)
    {
        if (operation.Axes == 1)
        {
            V2Alignment.Apply(supporting);
            V2Alignment.Apply(opposing);
        }
        else
        {
            Canonical.ApplyContrastive(supporting, opposing);
        }
    }
}
