using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>
/// Relevance halves with every step back and, over a hundred steps, would become numbers too small for fast arithmetic: below 1e-30 it counts
/// as 0, as denominators do.
/// </summary>
internal static class Vanishing
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Drop<TLane>(TLane relevance)
        where TLane : struct, ILane<TLane> =>
        TLane.WhereGreater(TLane.All(Coefficient.Smallest), TLane.Abs(relevance), TLane.All(0), relevance);
}
