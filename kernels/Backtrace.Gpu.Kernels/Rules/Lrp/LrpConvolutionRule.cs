namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>LRP of convolutions.</summary>
/// <param name="formula">How units share.</param>
public sealed class LrpConvolutionRule(LrpFormula formula) : StreamwiseRule<Convolution>
{
    /// <inheritdoc/>
    public override bool IsSigned => true;

    /// <inheritdoc/>
    public override bool ReadsOutput(Operation operation, Mode mode) => formula.ReadsOutput;

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Convolution operation) =>
        formula.Apply(context, new ConvolutionRule.Map(operation.Shape), operation.Shape.Output.Volume);
}
