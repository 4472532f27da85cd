using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The shares of units as α = (a + b)/2 and β = (a − b)/2 of both streams. One of a stream's two shares is 0, so that α is 0 for units that hand out
/// nothing only.
/// </summary>
internal unsafe struct SignedShares : IElementwise
{
    public ArrayView<float> P;
    public ArrayView<float> N;
    public ArrayView<float> Value;
    public ArrayView<float> Supporting;
    public ArrayView<float> Opposing;

    /// <summary>[2, units], the supporting stream first.</summary>
    public ArrayView<float> Alpha;

    /// <summary>[2, units].</summary>
    public ArrayView<float> Beta;
    public long Units;

    /// <summary>The shares of all units of a node; what units without any hold is dropped.</summary>
    /// <param name="pair">The node.</param>
    /// <param name="p">Positive masses.</param>
    /// <param name="n">Negative masses.</param>
    /// <param name="value">The units' values.</param>
    public static SignedShares Of(in StreamPair pair, ArrayView<float> p, ArrayView<float> n, ArrayView<float> value)
    {
        long units = pair.Units;
        SignedShares shares = new()
        {
            P = p,
            N = n,
            Value = value,
            Supporting = pair.Supporting.Relevance().Values,
            Opposing = pair.Opposing.Relevance().Values,
            Alpha = pair.Supporting.Scratch(2 * units),
            Beta = pair.Supporting.Scratch(2 * units),
            Units = units,
        };
        pair.Device.Run(shares, units, workPerEntry: 9);
        pair.Supporting.Drop(shares.Supporting, shares.Alpha.SubView(0, units));
        pair.Opposing.Drop(shares.Opposing, shares.Alpha.SubView(units, units));
        return shares;
    }

    /// <summary>
    /// Gives the input of a layer |x|·|W|ᵀα + x·Wᵀβ of one stream, its two products joined while the second is in cache.
    /// </summary>
    /// <param name="stream">The visit of that stream.</param>
    /// <param name="map">The layer's linear map.</param>
    /// <param name="index">0: the supporting stream.</param>
    /// <returns>The relevance of the input.</returns>
    public readonly ArrayView<float> Give<TMap>(RuleContext stream, TMap map, int index)
        where TMap : struct, ILinearMap
    {
        ArrayView<float> weight = stream.Parameter("weight")!.Value.Values, x = stream.Input(0).Values, result = stream.Give(0).Values;
        ArrayView<float> u = stream.Scratch(x.Length);
        Operand alpha = Operand.Of(Alpha.SubView(index * Units, Units)), beta = Operand.Of(Beta.SubView(index * Units, Units));
        map.Transposed(stream.Contraction, alpha, Operand.Abs(weight), u, default(NoEpilogue));
        map.Transposed(stream.Contraction, beta, Operand.Of(weight), result, new JoinSides { X = x, Factor = 1, Signed = 1, U = u, V = result, Target = result });
        return result;
    }

    /// <summary>The shares of one unit; a sign bit at its n is left out.</summary>
    public readonly Shares<Scalar> At(long unit) => Shares<Scalar>.Of(
        Scalar.All(P.Pointer()[unit]),
        Scalar.All(IntrinsicMath.Abs(N.Pointer()[unit])),
        Scalar.All(Value.Pointer()[unit]),
        Scalar.All(Supporting.Pointer()[unit]),
        Scalar.All(Opposing.Pointer()[unit]));

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* positive = P.Pointer();
        float* negative = N.Pointer();
        float* value = Value.Pointer();
        float* supporting = Supporting.Pointer();
        float* opposing = Opposing.Pointer();
        float* alpha = Alpha.Pointer();
        float* beta = Beta.Pointer();
        TLane half = TLane.All(0.5f);
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            TLane p = TLane.Load(positive + i), n = TLane.Load(negative + i);
            Shares<TLane> shares = Shares<TLane>.Of(p, n, TLane.Load(value + i), TLane.Load(supporting + i), TLane.Load(opposing + i));
            TLane.Store(alpha + i, half * (shares.SupportingP + shares.SupportingN));
            TLane.Store(alpha + (Units + i), half * (shares.OpposingP + shares.OpposingN));
            TLane.Store(beta + i, half * (shares.SupportingP - shares.SupportingN));
            TLane.Store(beta + (Units + i), half * (shares.OpposingP - shares.OpposingN));
        }
    }
}
