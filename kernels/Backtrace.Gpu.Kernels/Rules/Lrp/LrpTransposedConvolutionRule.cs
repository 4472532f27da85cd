namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>LRP of transposed convolutions.</summary>
/// <param name="formula">How units share.</param>
public sealed class LrpTransposedConvolutionRule(LrpFormula formula) : StreamwiseRule<TransposedConvolution>
{
    /// <inheritdoc/>
    public override bool IsSigned => true;

    /// <inheritdoc/>
    public override bool ReadsOutput(Operation operation, Mode mode) => formula.ReadsOutput;

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, TransposedConvolution operation) =>
        formula.Apply(context, new TransposedConvolutionRule.Map(operation.Shape), operation.Shape.Input.Volume);
}
