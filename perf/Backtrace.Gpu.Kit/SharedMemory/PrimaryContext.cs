using System.Runtime.CompilerServices;
using ILGPU.Runtime;

namespace Backtrace.Gpu.Kit.SharedMemory;

/// <summary>Makes an accelerator of ILGPU work in a context that is not its own. Before it has allocated or compiled anything.</summary>
internal static class PrimaryContext
{
    internal static void Adopt(CudaDriver driver, Accelerator accelerator, nint primary)
    {
        accelerator.Bind();
        nint own = accelerator.NativePtr;
        SetNativePtr(accelerator, primary);
        // To ILGPU the accelerator is this thread's already, so it would not ask the driver again. Other threads bind the new handle.
        driver.SetCurrent(primary);
        driver.Destroy(own);
    }

    /// <summary>Disposing of the accelerator destroys no context after this; what it allocated is freed in the one that is current.</summary>
    internal static void Disown(Accelerator accelerator)
    {
        accelerator.Bind();
        SetNativePtr(accelerator, 0);
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_NativePtr")]
    private static extern void SetNativePtr(Accelerator accelerator, nint value);
}
