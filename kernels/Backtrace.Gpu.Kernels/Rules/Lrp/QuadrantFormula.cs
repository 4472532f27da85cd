using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>
/// A formula with a coefficient for the positive contributions of a unit and another one for the negative ones (rules.md, E.1). Contributions of one sign
/// are never found by subtraction: x⁺, x⁻, W⁺ and W⁻ meet in four contractions each way, or two where no input can be negative.
/// </summary>
internal abstract class QuadrantFormula : LrpFormula
{
    internal sealed override void Apply<TMap>(RuleContext context, TMap map, long inner)
    {
        ArrayView<float> x = context.Input(0).Values;
        ArrayView<float> weight = context.Parameter("weight")!.Value.Values;
        ArrayView<float> bias = context.Parameter("bias")?.Values ?? default;
        ArrayView<float> relevance = context.Relevance().Values;
        Masses(context, map, x, weight, bias, out ArrayView<float> p, out ArrayView<float> n);
        ArrayView<float> toP = context.Scratch(relevance.Length), toN = context.Scratch(relevance.Length);
        Coefficients(context, ReadsOutput ? UnitValues.Of(context, map) : default, p, n, toP, toN);
        HandOut(context, map, x, weight, toP, toN);
        Affine.KeepBias(context, toP, bias, inner, Part.Positive);
        Affine.KeepBias(context, toN, bias, inner, Part.Negative);
        context.Keep(LedgerEntry.Dropped, new QuadrantRemainderTerm { Relevance = relevance, ToP = toP, P = p, ToN = toN, N = n }, relevance.Length);
    }

    /// <summary>Fills the relevance per positive contribution, and per negative one without its sign. Values of units are there if <see cref="LrpFormula.ReadsOutput"/>.</summary>
    protected abstract void Coefficients(RuleContext context, ArrayView<float> value, ArrayView<float> p, ArrayView<float> n, ArrayView<float> toP, ArrayView<float> toN);

    // p and n of every unit, its bias included.
    private static void Masses<TMap>(
        RuleContext context, TMap map, ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias, out ArrayView<float> p, out ArrayView<float> n)
        where TMap : struct, ILinearMap
    {
        long units = context.Relevance().Length;
        p = context.Shared(units, out bool isNew);
        n = context.Shared(units, out _);
        if (!isNew)
            return;
        IContraction contraction = context.Contraction;
        map.Forward(contraction, Operand.Positive(x), Operand.Positive(weight), bias.IsValid ? Operand.Positive(bias) : Operand.None, p, default(NoEpilogue));
        map.Forward(contraction, Operand.Positive(x), Operand.Negative(weight), bias.IsValid ? Operand.Negative(bias) : Operand.None, n, default(NoEpilogue));
        if (context.IsNonNegative(0))
            return;
        ArrayView<float> more = context.Scratch(units);
        map.Forward(contraction, Operand.Negative(x), Operand.Negative(weight), Operand.None, more, new Accumulate { Source = more, Target = p });
        map.Forward(contraction, Operand.Negative(x), Operand.Positive(weight), Operand.None, more, new Accumulate { Source = more, Target = n });
    }

    // x⁺ · (W⁺ᵀa + W⁻ᵀb) + x⁻ · (W⁻ᵀa + W⁺ᵀb) with the coefficients a and b.
    private static void HandOut<TMap>(RuleContext context, TMap map, ArrayView<float> x, ArrayView<float> weight, ArrayView<float> toP, ArrayView<float> toN)
        where TMap : struct, ILinearMap
    {
        ArrayView<float> result = context.Give(0).Values;
        ArrayView<float> more = context.Scratch(result.Length);
        Collect(result, Operand.Positive(weight), Operand.Negative(weight));
        if (context.IsNonNegative(0))
        {
            context.Device.Run(new PartByValue { Activation = x, Values = result, Factor = 1 }, result.Length, workPerEntry: 3);
            return;
        }

        ArrayView<float> ofNegative = context.Scratch(result.Length);
        Collect(ofNegative, Operand.Negative(weight), Operand.Positive(weight));
        context.Device.Run(new JoinSides { X = x, Factor = 1, U = result, V = ofNegative, Target = result }, result.Length, workPerEntry: 4);

        void Collect(ArrayView<float> target, Operand ofP, Operand ofN)
        {
            map.Transposed(context.Contraction, Operand.Of(toP), ofP, target, default(NoEpilogue));
            map.Transposed(context.Contraction, Operand.Of(toN), ofN, more, new Accumulate { Source = more, Target = target });
        }
    }
}
