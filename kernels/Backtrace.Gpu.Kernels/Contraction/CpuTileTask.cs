namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// What a micro-kernel does: C[row, v] = Init[row, v] + Σ_t A[row, Taps[2t]] · B_v[Taps[2t+1]], where v are up to four
/// vectors at unrelated addresses. Rows of a dense product and pixels of a convolution both have this form.
/// </summary>
internal unsafe struct CpuTileTask
{
    public float* A;

    /// <summary>Distance between the rows of a block.</summary>
    public nint AStride;

    /// <summary>Distance from one block of rows to the next.</summary>
    public nint ABlock;
    public int Rows;
    public int TapCount;
    public int* Taps;
    public float* B0;
    public float* B1;
    public float* B2;
    public float* B3;
    public float* Init0;
    public float* Init1;
    public float* Init2;
    public float* Init3;
    public nint InitStride;
    public float* C0;
    public float* C1;
    public float* C2;
    public float* C3;
    public nint CStride;
}
