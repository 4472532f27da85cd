using System.Runtime.Intrinsics.X86;

namespace Backtrace.Gpu.Interop;

/// <summary>Whether this processor multiplies bf16 numbers. Elsewhere libtorch emulates it, slowly and with sums that lose bits.</summary>
internal static class ProcessorBf16
{
    /// <summary>AVX-512 instructions on bf16 vectors.</summary>
    public static bool HasVectors { get; } = Avx512F.IsSupported && MaximumLeaf >= 7 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;

    /// <summary>AMX tiles of bf16.</summary>
    public static bool HasTiles { get; } = Avx512F.IsSupported && MaximumLeaf >= 7 && (X86Base.CpuId(7, 0).Edx & (1 << 22)) != 0;

    /// <summary>
    /// Tiles, or vectors on AMD processors, which take two bf16 products where they take one of fp32. Intel's vectors take one per cycle where
    /// fp32 takes two half as wide: nothing is gained there, and rounding the operands is lost.
    /// </summary>
    public static bool IsFast => HasTiles || (HasVectors && IsAmd);

    private static bool IsAmd => X86Base.CpuId(0, 0) is { Ebx: 0x68747541, Edx: 0x69746E65, Ecx: 0x444D4163 };

    private static int MaximumLeaf => X86Base.IsSupported ? X86Base.CpuId(0, 0).Eax : 0;
}
