using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>The shares of many units: the supporting stream's lie before the opposing stream's.</summary>
internal unsafe struct UnitShares : IElementwise
{
    public ArrayView<float> P;
    public ArrayView<float> N;

    /// <summary>The units' values; p − n if <see cref="HasValue"/> is 0.</summary>
    public ArrayView<float> Value;
    public int HasValue;
    public ArrayView<float> Supporting;
    public ArrayView<float> Opposing;

    /// <summary>[2, units]: per unit of positive contribution.</summary>
    public ArrayView<float> ToP;

    /// <summary>[2, units]: per unit of negative contribution.</summary>
    public ArrayView<float> ToN;
    public long Units;

    /// <summary>1: the rule of <see cref="Shares{TLane}.WithoutOneSigned"/>.</summary>
    public int DropsMissingSigns;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* positive = P.Pointer();
        float* negative = N.Pointer();
        float* value = Value.Pointer();
        float* supporting = Supporting.Pointer();
        float* opposing = Opposing.Pointer();
        float* toP = ToP.Pointer();
        float* toN = ToN.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            TLane p = TLane.Load(positive + i), n = TLane.Load(negative + i);
            TLane t = HasValue != 0 ? TLane.Load(value + i) : p - n;
            TLane s = TLane.Load(supporting + i), o = TLane.Load(opposing + i);
            Shares<TLane> shares = DropsMissingSigns != 0 ? Shares<TLane>.WithoutOneSigned(p, n, t, s, o) : Shares<TLane>.Of(p, n, t, s, o);
            TLane.Store(toP + i, shares.SupportingP);
            TLane.Store(toP + (Units + i), shares.OpposingP);
            TLane.Store(toN + i, shares.SupportingN);
            TLane.Store(toN + (Units + i), shares.OpposingN);
        }
    }
}
