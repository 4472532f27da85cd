using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>What a driver's error means to a caller.</summary>
internal static class DeviceFault
{
    /// <summary>True if memory is missing, so that freeing some may help.</summary>
    public static bool IsOutOfMemory(Exception e) => e switch
    {
        OutOfMemoryException => true,
        CudaException cuda => cuda.Error == nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY),
        CLException { Error: CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE or CLError.CL_OUT_OF_RESOURCES or CLError.CL_OUT_OF_HOST_MEMORY or CLError.CL_INVALID_BUFFER_SIZE } => true,
        _ => false,
    };

    /// <summary>The exception for an error on <paramref name="device"/>. CUDA reports what a kernel did at a later call, so none is named.</summary>
    public static DeviceException On(string device, AcceleratorException e)
    {
        string error = e switch
        {
            CudaException cuda => $"{cuda.Error}, {cuda.Message}",
            CLException openCl => openCl.Error.ToString(),
            _ => e.Message,
        };
        return IsOutOfMemory(e)
            ? new DeviceException($"{device} is out of memory ({error}). Explain smaller batches.", e)
            : new DeviceException($"{device} failed: {error}.", e);
    }
}
