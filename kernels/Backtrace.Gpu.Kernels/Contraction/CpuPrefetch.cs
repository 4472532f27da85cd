using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// Fetches rows of a large matrix while others are packed: packing leaves a row before the processor has seen that it is read in order.
/// </summary>
internal static unsafe class CpuPrefetch
{
    private const int Line = 64;

    /// <summary>The lines of <paramref name="count"/> adjacent numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Row<T>(T* source, int count)
        where T : unmanaged
    {
        if (!Sse.IsSupported)
            return;
        for (int i = 0; i < count; i += Line / sizeof(T))
            Sse.Prefetch0(source + i);
    }
}
