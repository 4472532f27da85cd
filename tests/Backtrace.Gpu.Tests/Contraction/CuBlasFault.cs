namespace Backtrace.Gpu.Tests.Contraction;

/// <summary>What a copy of cuBLAS may do wrong.</summary>
public enum CuBlasFault
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>It does not work with the driver.</summary>
    NoHandle,

    /// <summary>A function is not there.</summary>
    NoFunction,

    /// <summary>The GPU has no bf16.</summary>
    NoBFloat16,

    /// <summary>fp32 operands are rounded to the 11 bits of TF32.</summary>
    Tf32,

    /// <summary>Results are rounded to bf16.</summary>
    RoundedResults,

    /// <summary>Results are not added to what is there.</summary>
    NoBeta,

    /// <summary>All matrices of a batch are the first.</summary>
    NoStrides,

    /// <summary>Products fail for want of memory.</summary>
    NoMemory,
}
