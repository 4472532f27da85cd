using System.Runtime.InteropServices;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kit.SharedMemory;

/// <summary>The calls of CUDA's driver by which another library, as libtorch does, keeps memory in a device's primary context.</summary>
internal sealed unsafe class CudaDriver
{
    private readonly nint library;
    private readonly delegate* unmanaged<nint, int> push;
    private readonly delegate* unmanaged<nint*, int> pop;

    private CudaDriver(nint library)
    {
        this.library = library;
        push = (delegate* unmanaged<nint, int>)Export("cuCtxPushCurrent_v2");
        pop = (delegate* unmanaged<nint*, int>)Export("cuCtxPopCurrent_v2");
        Check("cuInit", ((delegate* unmanaged<uint, int>)Export("cuInit"))(0));
    }

    internal static CudaDriver Open()
    {
        foreach (string name in DriverLibraries.Fallbacks("cuda").Append("libcuda.so"))
        {
            if (NativeLibrary.TryLoad(name, out nint library))
                return new CudaDriver(library);
        }

        throw new DllNotFoundException("There is no libcuda.so.1.");
    }

    /// <summary>What the driver says of a machine where ILGPU finds no device.</summary>
    internal static string Obstacle()
    {
        try
        {
            CudaDriver driver = Open();
            int devices;
            driver.Check("cuDeviceGetCount", ((delegate* unmanaged<int*, int>)driver.Export("cuDeviceGetCount"))(&devices));
            return $"the driver knows {devices} devices, but none that ILGPU can use.";
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or InvalidOperationException)
        {
            return e.Message;
        }
    }

    /// <summary>The device's primary context, which is there until <see cref="ReleasePrimary"/>.</summary>
    internal nint RetainPrimary(int device)
    {
        nint context;
        Check("cuDevicePrimaryCtxRetain", ((delegate* unmanaged<nint*, int, int>)Export("cuDevicePrimaryCtxRetain"))(&context, device));
        return context;
    }

    internal void ReleasePrimary(int device) => Check("cuDevicePrimaryCtxRelease", ((delegate* unmanaged<int, int>)Export("cuDevicePrimaryCtxRelease_v2"))(device));

    /// <summary>Makes a context the calling thread's, in place of its present one.</summary>
    internal void SetCurrent(nint context) => Check("cuCtxSetCurrent", ((delegate* unmanaged<nint, int>)Export("cuCtxSetCurrent"))(context));

    internal void Destroy(nint context) => Check("cuCtxDestroy", ((delegate* unmanaged<nint, int>)Export("cuCtxDestroy_v2"))(context));

    /// <summary>Memory of a context, with values.</summary>
    internal ulong Allocate(nint context, float[] values)
    {
        nuint bytes = (nuint)values.Length * sizeof(float);
        ulong address = 0;
        Within(context, () =>
        {
            ulong allocated;
            Check("cuMemAlloc", ((delegate* unmanaged<ulong*, nuint, int>)Export("cuMemAlloc_v2"))(&allocated, bytes));
            address = allocated;
            fixed (float* source = values)
                Check("cuMemcpyHtoD", ((delegate* unmanaged<ulong, void*, nuint, int>)Export("cuMemcpyHtoD_v2"))(allocated, source, bytes));
        });
        return address;
    }

    internal float[] Read(nint context, ulong address, int length)
    {
        float[] values = new float[length];
        Within(context, () =>
        {
            fixed (float* target = values)
                Check("cuMemcpyDtoH", ((delegate* unmanaged<void*, ulong, nuint, int>)Export("cuMemcpyDtoH_v2"))(target, address, (nuint)length * sizeof(float)));
        });
        return values;
    }

    internal void Free(nint context, ulong address) =>
        Within(context, () => Check("cuMemFree", ((delegate* unmanaged<ulong, int>)Export("cuMemFree_v2"))(address)));

    private void Within(nint context, Action action)
    {
        Check("cuCtxPushCurrent", push(context));
        try
        {
            action();
        }
        finally
        {
            nint popped;
            _ = pop(&popped);
        }
    }

    private nint Export(string name) => NativeLibrary.GetExport(library, name);

    private void Check(string call, int status)
    {
        if (status == 0)
            return;
        nint name;
        int known = ((delegate* unmanaged<int, nint*, int>)Export("cuGetErrorName"))(status, &name);
        throw new InvalidOperationException($"{call}: {(known == 0 ? Marshal.PtrToStringUTF8(name) : $"error {status}")}");
    }
}
