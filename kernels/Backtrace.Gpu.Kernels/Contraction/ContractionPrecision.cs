namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>The precision of the operands of a contraction; sums are fp32 in any case.</summary>
public enum ContractionPrecision
{
    /// <summary>fp32.</summary>
    Single,

    /// <summary>
    /// Rounded to the nearest bf16, ties to even: what tensor cores multiply. On the CPU and, where cuBLAS is found, on CUDA. Products that would gain nothing
    /// (few rows; convolutions on CUDA) keep fp32 operands.
    /// </summary>
    BFloat16,
}
