using System.Runtime.CompilerServices;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Raw access to device memory inside a kernel.</summary>
public static class Views
{
    /// <summary>
    /// The address of the first element, or null if the view is empty. Taken once per kernel it costs nothing on GPUs and avoids a check per access on the CPU.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe float* Pointer(this ArrayView<float> view)
    {
        fixed (float* first = &view[0])
            return first;
    }
}
