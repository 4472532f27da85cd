using System.Runtime.Intrinsics.X86;

namespace Backtrace.Gpu.Interop;

/// <summary>Whether this processor multiplies bf16 numbers. Elsewhere libtorch emulates it, slowly and with sums that lose bits.</summary>
internal static class ProcessorBf16
{
    /// <summary>AVX-512 instructions on bf16 vectors.</summary>
    public static bool HasVectors { get; } = Avx512F.IsSupported && MaximumLeaf >= 7 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;

    /// <summary>AMX tiles of bf16.</summary>
    public static bool HasTiles { get; } = Avx512F.IsSupported && MaximumLeaf >= 7 && (X86Base.CpuId(7, 0).Edx & (1 << 22)) != 0;

    /// <summary>Either of them.</summary>
    public static bool IsFast => HasVectors || HasTiles;

    private static int MaximumLeaf => X86Base.IsSupported ? X86Base.CpuId(0, 0).Eax : 0;
}
