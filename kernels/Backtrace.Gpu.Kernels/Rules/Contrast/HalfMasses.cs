using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The masses p = (S + (y − b)) / 2 and n = (S − (y − b)) / 2 of units. Where one of them is less than a small part of S or of b, the rounding of these sums
/// is not small against it: such a unit is unbalanced, its masses must be summed term by term, and n is negative to say so.
/// </summary>
internal struct HalfMasses<TLane>
    where TLane : struct, ILane<TLane>
{
    public TLane P;
    public TLane N;

    /// <param name="whole">S. A unit without contributions is not unbalanced: its value is its bias.</param>
    /// <param name="difference">y − b.</param>
    /// <param name="bias">b.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static HalfMasses<TLane> Of(TLane whole, TLane difference, TLane bias)
    {
        TLane half = TLane.All(0.5f), p = half * (whole + difference), n = half * (whole - difference);
        TLane least = TLane.WhereZero(whole, whole, TLane.All(UnbalancedUnits.Balanced) * TLane.Max(whole, TLane.Abs(bias)));
        TLane isUnbalanced = TLane.All(-1f);
        return new HalfMasses<TLane> { P = p, N = TLane.WhereGreater(least, p, isUnbalanced, TLane.WhereGreater(least, n, isUnbalanced, n)) };
    }
}
