using ILGPU.Runtime.Cuda;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>The CUDA devices of this machine. Not by ILGPU's context builder, which fails the second time in a process on WSL.</summary>
internal static class CudaDevices
{
    /// <summary>In the order of the driver.</summary>
    public static IReadOnlyList<CudaDevice> Find()
    {
        DriverLibraries.Register();
        return [.. CudaDevice.GetDevices(_ => true).Cast<CudaDevice>()];
    }

    /// <summary>Why a device cannot be used, or null.</summary>
    public static string? Obstacle(CudaDevice device) =>
        device.InstructionSet.HasValue ? null : $"needs a newer NVIDIA driver: this one is of CUDA {device.DriverVersion.Major}.{device.DriverVersion.Minor}";
}
