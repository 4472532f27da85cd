using System.Runtime.CompilerServices;

namespace Backtrace.Gpu.Kernels.Indexing;

/// <summary>Where an index of an <see cref="AxisNest"/> lies in two arrays, and its position on the innermost axis.</summary>
internal readonly struct Place(long target, long source, long inner)
{
    public readonly long Target = target;
    public readonly long Source = source;
    public readonly long Inner = inner;
}

/// <summary>Up to six nested axes, each with a stride in a target and a source array. Plain fields, innermost axis first: kernels have no arrays.</summary>
internal struct AxisNest
{
    public const int MaximumRank = 6;

    public int Rank;
    public long Count0, Count1, Count2, Count3, Count4, Count5;
    public long Target0, Target1, Target2, Target3, Target4, Target5;
    public long Source0, Source1, Source2, Source3, Source4, Source5;

    /// <summary>The nest of some axes, outermost first.</summary>
    public static AxisNest Of(IReadOnlyList<StrideAxis> axes)
    {
        if (axes.Count > MaximumRank)
            throw new NotSupportedException($"An index map has {axes.Count} axes that cannot be merged; {MaximumRank} are supported.");
        StrideAxis At(int k) => k < axes.Count ? axes[axes.Count - 1 - k] : new StrideAxis(1, 0, 0);
        return new AxisNest
        {
            Rank = Math.Max(1, axes.Count),
            Count0 = At(0).Count,
            Target0 = At(0).Target,
            Source0 = At(0).Source,
            Count1 = At(1).Count,
            Target1 = At(1).Target,
            Source1 = At(1).Source,
            Count2 = At(2).Count,
            Target2 = At(2).Target,
            Source2 = At(2).Source,
            Count3 = At(3).Count,
            Target3 = At(3).Target,
            Source3 = At(3).Source,
            Count4 = At(4).Count,
            Target4 = At(4).Target,
            Source4 = At(4).Source,
            Count5 = At(5).Count,
            Target5 = At(5).Target,
            Source5 = At(5).Source,
        };
    }

    /// <summary>Number of indices.</summary>
    public readonly long Total => Count0 * Count1 * Count2 * Count3 * Count4 * Count5;

    /// <summary>The place of the row-major <paramref name="index"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Place Locate(long index)
    {
        long rest = Division.Quotient(index, Count0);
        long inner = index - rest * Count0;
        long target = inner * Target0;
        long source = inner * Source0;
        if (Rank > 1)
        {
            long next = Division.Quotient(rest, Count1);
            target += (rest - next * Count1) * Target1;
            source += (rest - next * Count1) * Source1;
            rest = next;
        }

        if (Rank > 2)
        {
            long next = Division.Quotient(rest, Count2);
            target += (rest - next * Count2) * Target2;
            source += (rest - next * Count2) * Source2;
            rest = next;
        }

        if (Rank > 3)
        {
            long next = Division.Quotient(rest, Count3);
            target += (rest - next * Count3) * Target3;
            source += (rest - next * Count3) * Source3;
            rest = next;
        }

        if (Rank > 4)
        {
            long next = Division.Quotient(rest, Count4);
            target += (rest - next * Count4) * Target4 + next * Target5;
            source += (rest - next * Count4) * Source4 + next * Source5;
        }

        return new Place(target, source, inner);
    }
}
