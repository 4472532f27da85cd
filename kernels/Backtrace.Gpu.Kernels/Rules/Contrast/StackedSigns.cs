using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// x·(W⁺ᵀa + W⁻ᵀb) as one product per stream, with W⁺ and W⁻ as the weights of twice as many units: no sum of two products passes through
/// memory, and x is multiplied while results are in cache.
/// </summary>
internal static class StackedSigns
{
    /// <summary>True where the weights, written out twice, are small against the inputs, and lanes do not cross samples.</summary>
    /// <param name="pair">The node.</param>
    /// <param name="plane">Units of a sample.</param>
    public static bool Fit(in StreamPair pair, long plane) =>
        pair.HasOneSign && !pair.DropsMissingSigns && plane % 8 == 0 && 2 * pair.Supporting.Parameter("weight")!.Value.Length <= pair.Supporting.Input(0).Length;

    /// <param name="pair">The node: input 0, parameter <c>weight</c>.</param>
    /// <param name="stacked">The layer's linear map with twice as many units.</param>
    /// <param name="p">Positive masses; their memory is used.</param>
    /// <param name="n">Negative masses; their memory is used.</param>
    /// <param name="value">The units' values.</param>
    /// <param name="plane">Units of a sample.</param>
    public static void Apply<TMap>(in StreamPair pair, TMap stacked, ArrayView<float> p, ArrayView<float> n, ArrayView<float> value, long plane)
        where TMap : struct, ILinearMap
    {
        RuleContext context = pair.Supporting;
        ArrayView<float> weight = context.Parameter("weight")!.Value.Values, x = context.Input(0).Values;
        ArrayView<float> weights = context.Scratch(2 * weight.Length);
        pair.Device.Run(new CopySide { Source = weight, Target = weights, Sign = 1 }, weight.Length, workPerEntry: 2);
        pair.Device.Run(new CopySide { Source = weight, Target = weights.SubView(weight.Length, weight.Length), Sign = -1 }, weight.Length, workPerEntry: 2);
        StackedShares shares = new()
        {
            P = p,
            N = n,
            Value = value,
            Supporting = context.Relevance().Values,
            Opposing = pair.Opposing.Relevance().Values,
            Target = context.Scratch(4 * pair.Units),
            Plane = plane,
            Units = pair.Units,
        };
        pair.Device.Run(shares, pair.Units, workPerEntry: 11);
        Give(context, stacked, shares.Target.SubView(0, 2 * pair.Units), weights, x, p);
        Give(pair.Opposing, stacked, shares.Target.SubView(2 * pair.Units, 2 * pair.Units), weights, x, n);
    }

    private static void Give<TMap>(RuleContext stream, TMap stacked, ArrayView<float> shares, ArrayView<float> weights, ArrayView<float> x, ArrayView<float> lost)
        where TMap : struct, ILinearMap
    {
        stream.Keep(LedgerEntry.Dropped, new ValueTerm { Values = lost }, lost.Length);
        ArrayView<float> result = stream.Give(0).Values;
        stacked.Transposed(stream.Contraction, Operand.Of(shares), Operand.Of(weights), result, new ScaleByAbsolute { Activation = x, Values = result });
    }
}
