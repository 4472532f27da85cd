using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The shares of many units, those of positive contributions before those of negative ones in each sample: [2 streams, samples, 2 signs, plane]. The
/// masses' memory gets the relevance of units that hand out nothing.
/// </summary>
internal unsafe struct StackedShares : IElementwise
{
    /// <summary>Positive masses, then what is lost of the supporting stream.</summary>
    public ArrayView<float> P;

    /// <summary>Negative masses, then what is lost of the opposing stream.</summary>
    public ArrayView<float> N;
    public ArrayView<float> Value;
    public ArrayView<float> Supporting;
    public ArrayView<float> Opposing;
    public ArrayView<float> Target;

    /// <summary>Units of a sample, a multiple of the widest lane.</summary>
    public long Plane;
    public long Units;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* positive = P.Pointer();
        float* negative = N.Pointer();
        float* value = Value.Pointer();
        float* supporting = Supporting.Pointer();
        float* opposing = Opposing.Pointer();
        float* target = Target.Pointer();
        TLane zero = TLane.All(0);
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            TLane s = TLane.Load(supporting + i), o = TLane.Load(opposing + i);
            Shares<TLane> shares = Shares<TLane>.Of(TLane.Load(positive + i), TLane.Load(negative + i), TLane.Load(value + i), s, o);
            float* place = target + (i + Division.Quotient(i, Plane) * Plane);
            TLane.Store(place, shares.SupportingP);
            TLane.Store(place + Plane, shares.SupportingN);
            TLane.Store(place + (2 * Units), shares.OpposingP);
            TLane.Store(place + (2 * Units + Plane), shares.OpposingN);

            // One of a stream's two shares is 0.
            TLane.Store(positive + i, TLane.WhereZero(shares.SupportingP + shares.SupportingN, s, zero));
            TLane.Store(negative + i, TLane.WhereZero(shares.OpposingP + shares.OpposingN, o, zero));
        }
    }
}
