using Backtrace.Gpu.Kernels.Contraction;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>c = R / (y ± ε) and R_in = x · Wᵀc: one contraction. y is the output as the forward pass has it, so that R of a ReLU is divided by
/// what it was made of, but without its rounding to 16 bits.</summary>
internal sealed class EpsilonFormula(float epsilon) : LrpFormula
{
    internal override bool ReadsOutput => true;

    internal override void Apply<TMap>(RuleContext context, TMap map, long inner)
    {
        ArrayView<float> x = context.Input(0).Values;
        ArrayView<float> weight = context.Parameter("weight")!.Value.Values;
        ArrayView<float> result = context.Give(0).Values;
        ArrayView<float> coefficients = Stabilised.Divide(context, UnitValues.Of(context, map), epsilon);
        map.Transposed(context.Contraction, Operand.Of(coefficients), Operand.Of(weight), result, new PartByValue { Activation = x, Values = result, Factor = 1 });
        Affine.KeepBias(context, coefficients, context.Parameter("bias")?.Values ?? default, inner, Part.Signed);
    }
}
