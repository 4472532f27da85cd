using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>The epsilon rule of the linear map that interpolation is. Nearest: each entry gets the sum of its copies.</summary>
/// <param name="epsilon">Added to the interpolated value, away from 0.</param>
public sealed class LrpUpsampleRule(float epsilon = LrpFormula.DefaultEpsilon) : StreamwiseRule<Upsample>
{
    private static readonly UpsampleRule Copies = new();

    /// <inheritdoc/>
    public override bool IsSigned => true;

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Upsample operation)
    {
        if (operation.IsCopy)
        {
            Copies.Apply(context);
            return;
        }

        List<(int Axis, AxisTable Table)> tables = UpsampleRule.TablesOf(context, operation);
        ArrayView<float> x = context.Input(0).Values;
        ArrayView<float> result = context.Give(0).Values;
        ArrayView<float> values = context.Scratch(context.Relevance().Length);
        AxisMaps.Apply(context, tables, context.InputShape(0), x, values);
        ArrayView<float> coefficients = Stabilised.Divide(context, values, epsilon);
        UpsampleRule.Backward(context, tables, coefficients, result);
        context.Device.Run(new PartByValue { Activation = x, Values = result, Factor = 1 }, result.Length, workPerEntry: 3);
    }
}
