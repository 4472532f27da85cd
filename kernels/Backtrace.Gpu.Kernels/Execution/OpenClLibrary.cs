using System.Runtime.InteropServices;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Lets ILGPU find OpenCL where only the versioned library is installed (libOpenCL.so.1, as run-time packages ship it).</summary>
internal static class OpenClLibrary
{
    private static readonly Lazy<bool> Once = new(() =>
    {
        NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, static (name, assembly, path) =>
            name == "OpenCL" && !NativeLibrary.TryLoad(name, assembly, path, out _)
                && NativeLibrary.TryLoad("libOpenCL.so.1", out nint handle) ? handle : 0);
        return true;
    });

    public static void Register() => _ = Once.Value;
}
