using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Interleavings within each half of a vector: one instruction on x86, composed elsewhere.</summary>
internal static class CpuShuffle
{
    /// <summary>a0 b0 a1 b1 | a4 b4 a5 b5.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Low(Vector256<float> a, Vector256<float> b) =>
        Avx.IsSupported ? Avx.UnpackLow(a, b) : Select(a, b, Vector256.Create(0, 0, 1, 1, 4, 4, 5, 5), Vector256.Create(-1, 0, -1, 0, -1, 0, -1, 0));

    /// <summary>a2 b2 a3 b3 | a6 b6 a7 b7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> High(Vector256<float> a, Vector256<float> b) =>
        Avx.IsSupported ? Avx.UnpackHigh(a, b) : Select(a, b, Vector256.Create(2, 2, 3, 3, 6, 6, 7, 7), Vector256.Create(-1, 0, -1, 0, -1, 0, -1, 0));

    /// <summary>a0 a1 b0 b1 | a4 a5 b4 b5.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LowPairs(Vector256<float> a, Vector256<float> b) =>
        Avx.IsSupported
            ? Avx.UnpackLow(a.AsDouble(), b.AsDouble()).AsSingle()
            : Select(a, b, Vector256.Create(0, 1, 0, 1, 4, 5, 4, 5), Vector256.Create(-1, -1, 0, 0, -1, -1, 0, 0));

    /// <summary>a2 a3 b2 b3 | a6 a7 b6 b7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> HighPairs(Vector256<float> a, Vector256<float> b) =>
        Avx.IsSupported
            ? Avx.UnpackHigh(a.AsDouble(), b.AsDouble()).AsSingle()
            : Select(a, b, Vector256.Create(2, 3, 2, 3, 6, 7, 6, 7), Vector256.Create(-1, -1, 0, 0, -1, -1, 0, 0));

    /// <summary>a0 a2 a4 a6 b0 b2 b4 b6.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Even(Vector256<float> a, Vector256<float> b) =>
        Avx2.IsSupported
            ? Avx2.Permute4x64(Avx.Shuffle(a, b, 0b10_00_10_00).AsDouble(), 0b11_01_10_00).AsSingle()
            : Halves(a, b, Vector256.Create(0, 2, 4, 6, 0, 2, 4, 6));

    /// <summary>a1 a3 a5 a7 b1 b3 b5 b7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Odd(Vector256<float> a, Vector256<float> b) =>
        Avx2.IsSupported
            ? Avx2.Permute4x64(Avx.Shuffle(a, b, 0b11_01_11_01).AsDouble(), 0b11_01_10_00).AsSingle()
            : Halves(a, b, Vector256.Create(1, 3, 5, 7, 1, 3, 5, 7));

    private static Vector256<float> Halves(Vector256<float> a, Vector256<float> b, Vector256<int> places) =>
        Vector256.Create(Vector256.Shuffle(a, places).GetLower(), Vector256.Shuffle(b, places).GetLower());

    private static Vector256<float> Select(Vector256<float> a, Vector256<float> b, Vector256<int> places, Vector256<int> first) =>
        Vector256.ConditionalSelect(first.AsSingle(), Vector256.Shuffle(a, places), Vector256.Shuffle(b, places));
}
