using System.Runtime.CompilerServices;

namespace Backtrace.Gpu.Kernels.Indexing;

/// <summary>Division of indices: GPUs and older processors divide 32 bits several times faster than 64.</summary>
internal static class Division
{
    /// <summary>a / b for a ≥ 0, b > 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Quotient(long a, long b)
    {
        if (a < b)
            return 0;
        return ((a | b) >> 31) == 0 ? (uint)a / (uint)b : a / b;
    }
}
