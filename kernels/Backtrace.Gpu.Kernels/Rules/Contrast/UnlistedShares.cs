using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// Takes the shares of the units of a convolution that products cannot serve exactly, which have both masses and one of them small, and gives them a sign bit
/// at n, to be listed by.
/// </summary>
internal unsafe struct UnlistedShares : IElementwise
{
    public SignedShares Shares;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* positive = Shares.P.Pointer();
        float* negative = Shares.N.Pointer();
        float* alpha = Shares.Alpha.Pointer();
        float* beta = Shares.Beta.Pointer();
        TLane zero = TLane.All(0), one = TLane.All(1), balanced = TLane.All(UnbalancedUnits.Balanced);
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            TLane p = TLane.Load(positive + i), n = TLane.Load(negative + i), least = balanced * (p + n);
            TLane isSmall = TLane.WhereGreater(least, p, one, TLane.WhereGreater(least, n, one, zero));
            TLane isListed = TLane.WhereZero(p * isSmall, zero, TLane.WhereZero(n, zero, isSmall));
            if (TLane.IsZero(isListed))
                continue;
            TLane.Store(negative + i, TLane.WhereZero(isListed, n, zero - n));
            for (long k = i; k <= i + Shares.Units; k += Shares.Units)
            {
                TLane.Store(alpha + k, TLane.WhereZero(isListed, TLane.Load(alpha + k), zero));
                TLane.Store(beta + k, TLane.WhereZero(isListed, TLane.Load(beta + k), zero));
            }
        }
    }
}
