namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// A library's product of small bf16 matrices with sums in fp32, C[m, n] (+)= Σ_k A[m, k]·B[k, n]: the instruction that .NET has no name for.
/// A is row-major. B holds pairs of rows: entries (k, n) and (k + 1, n) side by side for even k. The depth is even.
/// </summary>
/// <param name="address">
/// Address of a C function (rows, columns, depth, strides of A, B, C, adds, A, B, C, pairs), all integers 64 bits, <c>adds</c> and <c>pairs</c> one
/// byte; 0 if there is none. Strides are in entries of A and C, and in pairs of B. It must be callable from any thread.
/// </param>
public readonly unsafe struct BFloat16Kernel(nint address)
{
    private readonly delegate* unmanaged<long, long, long, long, long, long, byte, ushort*, ushort*, float*, byte, void> function =
        (delegate* unmanaged<long, long, long, long, long, long, byte, ushort*, ushort*, float*, byte, void>)address;

    /// <summary>False if there is no such library.</summary>
    public bool IsPresent => function != null;

    internal void Multiply(nint rows, nint columns, nint depth, ushort* a, nint strideA, ushort* b, nint strideB, float* c, nint strideC, bool adds) =>
        function(rows, columns, depth, strideA, strideB, strideC, adds ? (byte)1 : (byte)0, a, b, c, 1);
}
