using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>How eight entries are read in the innermost loop, where a branch would cost as much as the arithmetic.</summary>
internal interface ICpuVectorReading
{
    static abstract Vector256<float> Of(Vector256<float> value, Vector256<float> bits);
}

/// <summary>All of an entry, or its magnitude: <c>bits</c> is <see cref="CpuReading.Mask"/>.</summary>
internal readonly struct CpuMasked : ICpuVectorReading
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Of(Vector256<float> value, Vector256<float> bits) => value & bits;
}

/// <summary>One side of an entry: <c>bits</c> is <see cref="CpuReading.Flip"/>.</summary>
internal readonly struct CpuSide : ICpuVectorReading
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Of(Vector256<float> value, Vector256<float> bits) => Vector256.MaxNative(value ^ bits, Vector256<float>.Zero);
}
