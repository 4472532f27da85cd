using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// Lets ILGPU find OpenCL and CUDA where only the versioned libraries are installed, as drivers and run-time packages ship them. Asked after the
/// runtime's own search has failed; ILGPU's resolver of CUDA for WSL takes the only place of an assembly's resolver, so this must not.
/// </summary>
internal static class DriverLibraries
{
    private static readonly Lazy<bool> Once = new(() =>
    {
        AssemblyLoadContext.GetLoadContext(typeof(Context).Assembly)!.ResolvingUnmanagedDll += Resolve;
        return true;
    });

    /// <summary>Before ILGPU is asked for devices: it remembers what it did not find.</summary>
    public static void Register() => _ = Once.Value;

    /// <summary>What to try for a library as ILGPU calls it.</summary>
    internal static IReadOnlyList<string> Fallbacks(string name) => name switch
    {
        "OpenCL" => ["libOpenCL.so.1"],
        "cuda" => ["libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"],
        _ => [],
    };

    private static nint Resolve(Assembly assembly, string name)
    {
        if (assembly == typeof(Context).Assembly)
        {
            foreach (string file in Fallbacks(name))
            {
                if (NativeLibrary.TryLoad(file, out nint handle))
                    return handle;
            }
        }

        return 0;
    }
}
