using Backtrace.Gpu.Kernels.Execution;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Backtrace.Gpu.Kit.SharedMemory;

/// <summary>Memory of CUDA that another library owns, as floats of ILGPU.</summary>
internal sealed class ForeignMemory : MemoryBuffer
{
    internal ForeignMemory(Accelerator accelerator, ulong address, long length)
        : base(accelerator, length, sizeof(float)) => NativePtr = (nint)address;

    protected override void MemSet(AcceleratorStream stream, byte value, in ArrayView<byte> targetView) =>
        CudaMemoryBuffer.CudaMemSet((CudaStream)stream, value, targetView);

    protected override void CopyFrom(AcceleratorStream stream, in ArrayView<byte> sourceView, in ArrayView<byte> targetView) =>
        CudaMemoryBuffer.CudaCopy((CudaStream)stream, sourceView, targetView);

    protected override void CopyTo(AcceleratorStream stream, in ArrayView<byte> sourceView, in ArrayView<byte> targetView) =>
        CudaMemoryBuffer.CudaCopy((CudaStream)stream, sourceView, targetView);

    // The other library frees it.
    protected override void DisposeAcceleratorObject(bool disposing)
    {
    }
}
