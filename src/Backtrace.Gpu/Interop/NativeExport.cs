using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Interop;

/// <summary>Something that one of libtorch's libraries exports under the name that a C++ compiler gave it: GCC's on Linux, Microsoft's on Windows.</summary>
internal sealed class NativeExport
{
    private readonly Lazy<nint> address;

    public NativeExport(string library, string gcc, string microsoft) => address = new(() =>
    {
        NativeLibraries.Register();
        return NativeLibrary.GetExport(NativeLibrary.Load(library, typeof(NativeExport).Assembly, null), OperatingSystem.IsWindows() ? microsoft : gcc);
    });

    /// <summary>Where it is.</summary>
    /// <exception cref="DllNotFoundException">There is no such library.</exception>
    /// <exception cref="EntryPointNotFoundException">It does not export this.</exception>
    public nint Address => address.Value;
}
