using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Contrast;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>Contrastive mode: what two numbers get of the relevance of their sum, or of their product inside an LSTM.</summary>
internal struct PairStreams<TLane>
    where TLane : struct, ILane<TLane>
{
    public Streams<TLane> First;
    public Streams<TLane> Second;
    public Streams<TLane> Lost;

    /// <summary>The unit rule for a + b (rules.md, B.0.2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairStreams<TLane> OfSum(TLane a, TLane b, Streams<TLane> relevance)
    {
        TLane zero = TLane.All(0);
        TLane pa = TLane.Max(a, zero), pb = TLane.Max(b, zero), na = pa - a, nb = pb - b;
        Shares<TLane> shares = Shares<TLane>.Of(pa + pb, na + nb, a + b, relevance.Supporting, relevance.Opposing);
        return new PairStreams<TLane>
        {
            First = Streams<TLane>.Of(pa * shares.SupportingP + na * shares.SupportingN, pa * shares.OpposingP + na * shares.OpposingN),
            Second = Streams<TLane>.Of(pb * shares.SupportingP + nb * shares.SupportingN, pb * shares.OpposingP + nb * shares.OpposingN),
            Lost = relevance.Unserved(shares),
        };
    }

    /// <summary>u·v: each by the other's magnitude, nothing where the product is 0 (rules.md, B.11).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairStreams<TLane> OfProduct(TLane u, TLane v, Streams<TLane> relevance)
    {
        TLane zero = TLane.All(0), one = TLane.All(1), product = u * v;
        TLane served = TLane.WhereZero(product, zero, one);
        TLane first = TLane.WhereZero(product, zero, TLane.Abs(v) / (TLane.Abs(u) + TLane.Abs(v)));
        return new PairStreams<TLane>
        {
            First = relevance.Times(first),
            Second = relevance.Times(served - first),
            Lost = relevance.Times(one - served),
        };
    }
}
