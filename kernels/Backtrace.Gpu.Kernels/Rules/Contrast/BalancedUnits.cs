using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>α = (a + b)/2 and β = (a − b)/2 of both streams, and 0 for units whose masses are of different orders.</summary>
internal unsafe struct BalancedUnits : IElementwise
{
    public ArrayView<float> P;
    public ArrayView<float> N;

    /// <summary>[2, units], as the other three.</summary>
    public ArrayView<float> ToP;
    public ArrayView<float> ToN;
    public ArrayView<float> Alpha;
    public ArrayView<float> Beta;
    public long Units;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* positive = P.Pointer();
        float* negative = N.Pointer();
        float* toP = ToP.Pointer();
        float* toN = ToN.Pointer();
        float* alpha = Alpha.Pointer();
        float* beta = Beta.Pointer();
        TLane zero = TLane.All(0), half = TLane.All(0.5f), limit = TLane.All(ContrastiveLinear.Balanced);
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            TLane p = TLane.Load(positive + i), n = TLane.Load(negative + i);
            TLane least = limit * (p + n);
            TLane kept = TLane.WhereGreater(least, p, zero, TLane.WhereGreater(least, n, zero, half));
            TLane a = TLane.Load(toP + i), b = TLane.Load(toN + i);
            TLane c = TLane.Load(toP + (Units + i)), d = TLane.Load(toN + (Units + i));
            TLane.Store(alpha + i, kept * (a + b));
            TLane.Store(alpha + (Units + i), kept * (c + d));
            TLane.Store(beta + i, kept * (a - b));
            TLane.Store(beta + (Units + i), kept * (c - d));
        }
    }
}
