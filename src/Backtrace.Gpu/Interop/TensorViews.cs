using System.Runtime.InteropServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;
using TorchSharp;

namespace Backtrace.Gpu.Interop;

/// <summary>Device memory as tensors, without copying.</summary>
internal static unsafe class TensorViews
{
    /// <summary>
    /// A contiguous tensor over host memory that somebody else owns and keeps alive for as long as the tensor is used. bf16 takes half of
    /// the view's bytes.
    /// </summary>
    public static torch.Tensor Wrap(ArrayView<float> view, ReadOnlySpan<long> shape, torch.ScalarType type = torch.ScalarType.Float32)
    {
        fixed (long* sizes = shape)
        {
            nint handle = THSTensor_new((nint)view.Pointer(), 0, sizes, shape.Length, (sbyte)type, (sbyte)type, 0, -1, 0);
            if (handle == 0)
                torch.CheckForErrors();
            return torch.Tensor.UnsafeCreateTensor(handle);
        }
    }

    [DllImport("LibTorchSharp")]
    private static extern nint THSTensor_new(
        nint data, nint deleter, long* sizes, int rank, sbyte storedType, sbyte type, int deviceType, int deviceIndex, byte requiresGrad);
}
