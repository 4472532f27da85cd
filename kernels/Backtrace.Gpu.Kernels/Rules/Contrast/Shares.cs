using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>What a unit hands to each entry per unit of contribution, by stream and by the contribution's sign (rules.md, E.2).</summary>
internal struct Shares<TLane>
    where TLane : struct, ILane<TLane>
{
    public TLane SupportingP;
    public TLane SupportingN;
    public TLane OpposingP;
    public TLane OpposingN;

    /// <summary>
    /// The contrastive unit rule (rules.md, B.0.2): the larger stream goes along the sign that determined the unit's value, the other one along
    /// the opposite sign; a unit with one sign only serves both streams with it; t = 0 with both signs drops both.
    /// </summary>
    /// <param name="p">Sum of the positive contributions.</param>
    /// <param name="n">Sum of the magnitudes of the negative ones.</param>
    /// <param name="t">The unit's value, with its bias.</param>
    /// <param name="supporting">Relevance of the supporting stream.</param>
    /// <param name="opposing">Relevance of the opposing stream.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Shares<TLane> Of(TLane p, TLane n, TLane t, TLane supporting, TLane opposing)
    {
        TLane zero = TLane.All(0), one = TLane.All(1), smallest = Coefficient.Least(TLane.Max(TLane.Abs(supporting), TLane.Abs(opposing)));
        TLane perP = TLane.WhereGreater(p, smallest, one / p, zero), perN = TLane.WhereGreater(n, smallest, one / n, zero);
        TLane directed = TLane.WhereGreater(t, zero, supporting, opposing), other = TLane.WhereGreater(t, zero, opposing, supporting);
        TLane straight = TLane.WhereGreater(directed, other, one, zero), crossed = one - straight;
        straight = OfBoth(p, n, smallest, TLane.WhereZero(t, zero, straight));
        crossed = OfBoth(p, n, smallest, TLane.WhereZero(t, zero, crossed));
        return new Shares<TLane>
        {
            SupportingP = straight * supporting * perP,
            SupportingN = crossed * supporting * perN,
            OpposingP = crossed * opposing * perP,
            OpposingN = straight * opposing * perN,
        };
    }

    // A unit with one sign only serves both streams with it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLane OfBoth(TLane p, TLane n, TLane smallest, TLane factor) =>
        TLane.WhereGreater(p, smallest, TLane.WhereGreater(n, smallest, factor, TLane.All(1)), TLane.All(1));

    /// <summary>
    /// The same in the first implementation's convolutions (rules.md, C.4): units with one sign are no exception, so a stream that is directed at
    /// the sign that they lack is lost, and so are both where they are equal.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Shares<TLane> WithoutOneSigned(TLane p, TLane n, TLane t, TLane supporting, TLane opposing)
    {
        TLane zero = TLane.All(0), one = TLane.All(1), smallest = Coefficient.Least(TLane.Max(TLane.Abs(supporting), TLane.Abs(opposing)));
        TLane perP = TLane.WhereGreater(p, smallest, one, zero) / TLane.Max(p, smallest), perN = TLane.WhereGreater(n, smallest, one, zero) / TLane.Max(n, smallest);
        TLane isLarger = TLane.WhereGreater(supporting, opposing, one, zero), isSmaller = TLane.WhereGreater(opposing, supporting, one, zero);
        TLane straight = TLane.WhereGreater(t, zero, isLarger, TLane.WhereGreater(zero, t, isSmaller, zero));
        TLane crossed = TLane.WhereGreater(t, zero, isSmaller, TLane.WhereGreater(zero, t, isLarger, zero));
        return new Shares<TLane>
        {
            SupportingP = straight * supporting * perP,
            SupportingN = crossed * supporting * perN,
            OpposingP = crossed * opposing * perP,
            OpposingN = straight * opposing * perN,
        };
    }
}
