namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>LRP of dense layers.</summary>
/// <param name="formula">How units share.</param>
public sealed class LrpLinearRule(LrpFormula formula) : StreamwiseRule<Linear>
{
    /// <inheritdoc/>
    public override bool IsSigned => true;

    /// <inheritdoc/>
    public override bool ReadsOutput(Operation operation, Mode mode) => formula.ReadsOutput;

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Linear operation)
    {
        if (FewUnits.Find(operation.Shape, context.Samples, context.Entries) is { } few)
            few.Run([context], reduced => Apply(reduced[0], (Linear)reduced[0].Operation));
        else
            formula.Apply(context, new LinearRule.Map(operation.Shape), inner: 1);
    }
}
