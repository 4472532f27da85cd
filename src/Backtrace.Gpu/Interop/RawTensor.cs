using System.Runtime.InteropServices;
using TorchSharp;

namespace Backtrace.Gpu.Interop;

/// <summary>The address of an <c>at::Tensor</c>, owned by somebody else. Asks libtorch without making managed objects.</summary>
internal readonly unsafe struct RawTensor(nint handle)
{
    // The placeholder itself, but on Windows a function that returns its address.
    private static readonly NativeExport Undefined = new("c10", "_ZN3c1019UndefinedTensorImpl10_singletonE", "?singleton@UndefinedTensorImpl@c10@@SAPEAUTensorImpl@2@XZ");

    private static readonly Lazy<nint> Placeholder = new(() => OperatingSystem.IsWindows() ? ((delegate* unmanaged<nint>)Undefined.Address)() : Undefined.Address);

    public nint Handle => handle;

    /// <summary>Identity of the tensor: all handles of one tensor agree on it.</summary>
    public nint Identity => *(nint*)handle;

    /// <summary>False for the placeholder that libtorch passes for an absent tensor, such as the bias of a layer without one.</summary>
    public bool IsDefined => Identity != 0 && Identity != Placeholder.Value;

    public torch.ScalarType Type => (torch.ScalarType)THSTensor_type(handle);

    public nint Data => THSTensor_data(handle);

    /// <summary>True for memory that this process can read.</summary>
    public bool IsOnCpu => THSTensor_device_type(handle) == 0;

    public bool IsContiguous => THSTensor_is_contiguous(handle) != 0;

    public int Rank => (int)THSTensor_ndimension(handle);

    public long[] Shape()
    {
        long[] shape = new long[Rank];
        for (int d = 0; d < shape.Length; d++)
            shape[d] = THSTensor_size(handle, d);
        return shape;
    }

    public long Stride(int axis) => THSTensor_stride(handle, axis);

    /// <summary>Address of the memory that all views of one tensor share.</summary>
    public nint Storage => Data - (nint)(THSTensor_storage_offset(handle) * ItemSize);

    /// <summary>Bytes of an entry.</summary>
    public long ItemSize => THSTensor_element_size(handle);

    /// <summary>A handle of our own for the same tensor, which keeps it alive: a conversion to the type that it has.</summary>
    public RawTensor Hold() => new(THSTensor_to_type(handle, THSTensor_type(handle), 0, 0));

    public void Free() => THSTensor_dispose(handle);

    [DllImport("LibTorchSharp")]
    private static extern sbyte THSTensor_type(nint handle);

    [DllImport("LibTorchSharp")]
    private static extern int THSTensor_device_type(nint handle);

    [DllImport("LibTorchSharp")]
    private static extern nint THSTensor_data(nint handle);

    [DllImport("LibTorchSharp")]
    private static extern byte THSTensor_is_contiguous(nint handle);

    [DllImport("LibTorchSharp")]
    private static extern long THSTensor_ndimension(nint handle);

    [DllImport("LibTorchSharp")]
    private static extern long THSTensor_size(nint handle, long axis);

    [DllImport("LibTorchSharp")]
    private static extern long THSTensor_stride(nint handle, long axis);

    [DllImport("LibTorchSharp")]
    private static extern long THSTensor_storage_offset(nint handle);

    [DllImport("LibTorchSharp")]
    private static extern long THSTensor_element_size(nint handle);

    [DllImport("LibTorchSharp")]
    private static extern nint THSTensor_to_type(nint handle, sbyte type, byte copy, byte nonBlocking);

    [DllImport("LibTorchSharp")]
    private static extern void THSTensor_dispose(nint handle);
}
