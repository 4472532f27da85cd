using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>A linear map and its transpose: what distinguishes a dense layer from a convolution.</summary>
internal interface ILinearMap
{
    /// <summary>|W| as <see cref="Forward"/> and <see cref="Transposed"/> take it.</summary>
    Operand Magnitudes(RuleContext context);

    void Forward<TEpilogue>(IContraction contraction, Operand x, Operand weight, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise;

    /// <summary>As <see cref="Forward"/>, with fp32 operands at any precision.</summary>
    void Values(IContraction contraction, Operand x, Operand weight, Operand bias, ArrayView<float> y);

    void Transposed<TEpilogue>(IContraction contraction, Operand y, Operand weight, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise;
}

/// <summary>
/// The default rule of every affine layer as two contractions (rules.md, E.3 to E.5): D = |W||x| + |b|, R_in = |x| · |W|ᵀ(R / D), and a third
/// one where a saturation test silences one side of some units.
/// </summary>
internal static class Affine
{
    /// <param name="context">The node: input 0, parameters <c>weight</c> and <c>bias</c>.</param>
    /// <param name="map">The layer's linear map.</param>
    /// <param name="inner">Number of units that share one bias entry and lie side by side: 1 for dense layers, the spatial volume for convolutions.</param>
    public static void Apply<TMap>(RuleContext context, TMap map, long inner)
        where TMap : struct, ILinearMap
    {
        ArrayView<float> bias = context.Parameter("bias")?.Values ?? default;
        ArrayView<float> x = context.Input(0).Values;
        ArrayView<float> relevance = context.Relevance().Values;
        ArrayView<float> result = context.Give(0).Values;

        ArrayView<float> coefficients;
        if (context.Saturation == Saturation.None)
        {
            Operand weight = map.Magnitudes(context);
            coefficients = Coefficients(context, map, Operand.Abs(x), weight, bias, relevance);
            map.Transposed(context.Contraction, Operand.Of(coefficients), weight, result, new ScaleByAbsolute { Activation = x, Values = result });
        }
        else
        {
            coefficients = Saturated.Apply(context, map, x, context.Parameter("weight")!.Value.Values, bias, relevance, inner, result);
        }

        Account(context, relevance, coefficients, bias, inner);
    }

    private static ArrayView<float> Coefficients<TMap>(RuleContext context, TMap map, Operand x, Operand weight, ArrayView<float> bias, ArrayView<float> relevance)
        where TMap : struct, ILinearMap
    {
        Operand absoluteBias = bias.IsValid ? Operand.Abs(bias) : Operand.None;
        ArrayView<float> target = context.Scratch(relevance.Length);
        if (context.SeedCount == 1)
        {
            Coefficient fused = new() { Relevance = relevance, Denominator = target, Target = target };
            map.Forward(context.Contraction, x, weight, absoluteBias, target, fused);
            return target;
        }

        ArrayView<float> denominator = context.Shared(relevance.Length, out bool isNew);
        if (isNew)
            map.Forward(context.Contraction, x, weight, absoluteBias, denominator, default(NoEpilogue));
        context.Device.Run(new Coefficient { Relevance = relevance, Denominator = denominator, Target = target }, relevance.Length);
        return target;
    }

    /// <summary>Reports what units without contributions drop and what biases take.</summary>
    internal static void Account(RuleContext context, ArrayView<float> relevance, ArrayView<float> coefficients, ArrayView<float> bias, long inner)
    {
        context.Drop(relevance, coefficients);
        KeepBias(context, coefficients, bias, inner, Part.Absolute);
    }

    /// <summary>Reports what biases take: the sum of coefficients times a part of the bias.</summary>
    internal static void KeepBias(RuleContext context, ArrayView<float> coefficients, ArrayView<float> bias, long inner, Part part)
    {
        if (!bias.IsValid)
            return;

        Device device = context.Device;
        ArrayView<float> perUnit = coefficients;
        if (inner > 1)
        {
            long rows = coefficients.Length / inner;
            perUnit = context.Scratch(rows);
            device.Run(new Fill { Target = perUnit, Value = 0 }, rows);
            RowSums.Add(device, new ValueTerm { Values = coefficients }, rows, inner, perUnit, context.Scratch(RowSums.ScratchLength(rows, inner)));
        }

        // Rows that are no longer in the order of the samples, such as the tokens of one expert, count for the first one.
        long samples = perUnit.Length % (context.Samples * bias.Length) == 0 ? context.Samples : 1;
        ArrayView<float> partial = context.Scratch(BiasSums.ScratchLength(samples, perUnit.Length / samples, bias.Length));
        BiasSums.Add(device, perUnit, new Operand(bias, part), samples, context.Account(LedgerEntry.Bias), partial);
    }
}
