namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>What runs the kernels.</summary>
public enum DeviceKind
{
    /// <summary>The processor, through direct calls or ILGPU's CPU accelerator.</summary>
    Cpu,

    /// <summary>An OpenCL 3.0 device.</summary>
    OpenCl,

    /// <summary>An NVIDIA GPU.</summary>
    Cuda,
}
