using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>Shares of two operands in proportion to two numbers ≥ 0.</summary>
internal static class Magnitudes
{
    /// <summary>a / (a + b), and <paramref name="otherwise"/> where both are 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Part<TLane>(TLane a, TLane b, TLane otherwise)
        where TLane : struct, ILane<TLane> =>
        TLane.WhereZero(a + b, otherwise, a / (a + b));
}
