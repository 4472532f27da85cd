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
        pair.HasOneSign && !pair.DropsMissingSigns && plane % Direct.Widest == 0 && IsSmall(pair.Supporting.Parameter("weight")!.Value.Values, pair.Supporting.Input(0).Values);

    /// <summary>True if a layer's weights, written out twice, are small against its inputs.</summary>
    public static bool IsSmall(ArrayView<float> weight, ArrayView<float> x) => 2 * weight.Length <= x.Length;

    /// <summary>The units' shares, to be run once the masses are there.</summary>
    /// <param name="pair">The node.</param>
    /// <param name="p">Positive masses; their memory is used.</param>
    /// <param name="n">Negative masses; their memory is used.</param>
    /// <param name="value">The units' values.</param>
    /// <param name="plane">Units of a sample.</param>
    public static StackedShares Shares(in StreamPair pair, ArrayView<float> p, ArrayView<float> n, ArrayView<float> value, long plane) => new()
    {
        P = p,
        N = n,
        Value = value,
        Supporting = pair.Supporting.Relevance().Values,
        Opposing = pair.Opposing.Relevance().Values,
        Target = pair.Supporting.Scratch(4 * pair.Units),
        Plane = plane,
        Units = pair.Units,
    };

    /// <summary>Hands both streams on.</summary>
    /// <param name="pair">The node: input 0, parameter <c>weight</c>.</param>
    /// <param name="stacked">The layer's linear map with twice as many units.</param>
    /// <param name="shares">What <see cref="Shares"/> made, after it has run.</param>
    public static void Give<TMap>(in StreamPair pair, TMap stacked, StackedShares shares)
        where TMap : struct, ILinearMap
    {
        RuleContext context = pair.Supporting;
        ArrayView<float> weight = context.Parameter("weight")!.Value.Values;
        ArrayView<float> weights = context.Scratch(2 * weight.Length);
        pair.Device.Run(new CopySide { Source = weight, Target = weights, Sign = 1 }, weight.Length, workPerEntry: 2);
        pair.Device.Run(new CopySide { Source = weight, Target = weights.SubView(weight.Length, weight.Length), Sign = -1 }, weight.Length, workPerEntry: 2);
        Give(pair.Supporting, stacked, shares.Target.SubView(0, 2 * pair.Units), weights, shares.P);
        Give(pair.Opposing, stacked, shares.Target.SubView(2 * pair.Units, 2 * pair.Units), weights, shares.N);
    }

    private static void Give<TMap>(RuleContext stream, TMap stacked, ArrayView<float> shares, ArrayView<float> weights, ArrayView<float> lost)
        where TMap : struct, ILinearMap
    {
        stream.Keep(LedgerEntry.Dropped, new ValueTerm { Values = lost }, lost.Length);
        ArrayView<float> result = stream.Give(0).Values;
        stacked.Transposed(stream.Contraction, Operand.Of(shares), Operand.Of(weights), result, new ScaleByAbsolute { Activation = stream.Input(0).Values, Values = result });
    }
}
