namespace Backtrace.Gpu;

/// <summary>What computes the dense products of an explanation.</summary>
public enum ContractionLibrary
{
    /// <summary>The fastest that the device has, product by product: on CUDA NVIDIA's cuBLAS, if there is one that gives the right sums.</summary>
    Auto,

    /// <summary>The micro-kernels of this library, on the CPU.</summary>
    Managed,

    /// <summary>libtorch, on the CPU.</summary>
    Torch,

    /// <summary>ILGPU kernels, on OpenCL and CUDA; fp32 only.</summary>
    Tiled,
}
