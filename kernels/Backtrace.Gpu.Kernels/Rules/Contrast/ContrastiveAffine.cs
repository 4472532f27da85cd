using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The contrastive rule of every affine layer in the four-quadrant form (rules.md, E.1, E.2): p = W⁺x⁺ + W⁻x⁻ and n = W⁻x⁺ + W⁺x⁻, and
/// back, x⁺ times W⁺ᵀa + W⁻ᵀb and x⁻ times W⁻ᵀa + W⁺ᵀb. No term is ever subtracted. An input that cannot be negative needs half of it.
/// </summary>
internal static class ContrastiveAffine
{
    /// <param name="pair">The node: input 0, parameters <c>weight</c> and <c>bias</c>, its output.</param>
    /// <param name="map">The layer's linear map.</param>
    /// <param name="doubled">The same map for a batch of twice the size: both streams at once.</param>
    /// <param name="stacked">The same map with twice as many units, where W⁺ and W⁻ may lie side by side.</param>
    /// <param name="convolution">The map, if it is a convolution with many taps: where inputs cannot be negative, both masses come from one product.</param>
    public static void Apply<TMap>(in StreamPair pair, TMap map, TMap doubled, TMap? stacked = null, ConvolutionShape? convolution = null)
        where TMap : struct, ILinearMap
    {
        RuleContext context = pair.Supporting;
        IContraction contraction = context.Contraction;
        ArrayView<float> weight = context.Parameter("weight")!.Value.Values;
        ArrayView<float> x = context.Input(0).Values, value = UnitValues.Of(context, map);
        Operand positiveW = Operand.Positive(weight), negativeW = Operand.Negative(weight);
        ArrayView<float> p = context.Scratch(pair.Units), n = context.Scratch(pair.Units);
        if (pair.HasOneSign && convolution is { } shape)
        {
            long plane = shape.OutChannels * shape.Output.Volume;
            ConvolutionMasses masses = ConvolutionMasses.Of(context, shape, value, p, n);
            if (stacked is { } both && StackedSigns.Fit(pair, plane))
            {
                StackedShares shares = StackedSigns.Shares(pair, p, n, value, plane);
                map.Forward(contraction, Operand.Of(x), Operand.Abs(weight), Operand.None, p, new ConvolutionShares(masses, shares));
                StackedSigns.Give(pair, both, shares);
                return;
            }

            map.Forward(contraction, Operand.Of(x), Operand.Abs(weight), Operand.None, p, masses);
        }
        else
        {
            map.Forward(contraction, Operand.Positive(x), positiveW, Operand.None, p, default(NoEpilogue));
            map.Forward(contraction, Operand.Positive(x), negativeW, Operand.None, n, default(NoEpilogue));
        }

        if (!pair.HasOneSign)
        {
            ArrayView<float> rest = context.Scratch(pair.Units);
            map.Forward(contraction, Operand.Negative(x), negativeW, Operand.None, rest, new Accumulate { Source = rest, Target = p });
            map.Forward(contraction, Operand.Negative(x), positiveW, Operand.None, rest, new Accumulate { Source = rest, Target = n });
        }

        (ArrayView<float> toP, ArrayView<float> toN) = pair.Share(p, n, value);
        if (pair.HasOneSign)
        {
            ArrayView<float> ofP = context.Scratch(2 * x.Length), ofN = context.Scratch(2 * x.Length);
            doubled.Transposed(contraction, Operand.Of(toP), positiveW, ofP, default(NoEpilogue));
            doubled.Transposed(contraction, Operand.Of(toN), negativeW, ofN, default(NoEpilogue));
            pair.JoinSum(0, ofP, ofN);
            return;
        }

        pair.Join(0, Back(context, doubled, toP, positiveW, toN, negativeW, x.Length), Back(context, doubled, toP, negativeW, toN, positiveW, x.Length));
    }

    // Wᵀa + Vᵀb of both streams, [2, entries].
    private static ArrayView<float> Back<TMap>(
        RuleContext context, TMap doubled, ArrayView<float> a, Operand w, ArrayView<float> b, Operand v, long entries)
        where TMap : struct, ILinearMap
    {
        ArrayView<float> sum = context.Scratch(2 * entries), part = context.Scratch(2 * entries);
        doubled.Transposed(context.Contraction, Operand.Of(a), w, sum, default(NoEpilogue));
        doubled.Transposed(context.Contraction, Operand.Of(b), v, part, new Accumulate { Source = part, Target = sum });
        return sum;
    }
}
