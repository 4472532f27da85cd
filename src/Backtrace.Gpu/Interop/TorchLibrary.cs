using System.Runtime.InteropServices;
using TorchSharp;

namespace Backtrace.Gpu.Interop;

/// <summary>Says why libtorch cannot be loaded. TorchSharp blames a missing package, whatever the loader said.</summary>
internal static class TorchLibrary
{
    // The package that has the files, and what it takes for granted.
    private static readonly (string Package, string[] Files, string Needs) Expected = OperatingSystem.IsWindows()
        ? ("libtorch-cpu-win-x64", ["torch_cpu.dll", "LibTorchSharp.dll"], "the Visual C++ runtime (https://aka.ms/vs/17/release/vc_redist.x64.exe)")
        : ("libtorch-cpu-linux-x64", ["libtorch_cpu.so", "libLibTorchSharp.so"], "the C++ runtime of GCC 13 or newer (GLIBCXX_3.4.32) and 3 GB of address space");

    /// <summary>Loads libtorch.</summary>
    /// <exception cref="NotSupportedException">It cannot be loaded; says what is missing.</exception>
    public static void EnsureLoaded()
    {
        try
        {
            _ = torch.get_num_threads();
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException)
        {
            string searched = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
            throw new NotSupportedException(Failure([.. searched.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries), AppContext.BaseDirectory]), e);
        }
    }

    /// <summary>What keeps libtorch from being loaded out of these folders.</summary>
    internal static string Failure(IReadOnlyList<string> folders)
    {
        foreach (string name in Expected.Files)
        {
            string? file = folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
            if (file is null)
                return $"libtorch cannot be loaded: {name} is missing. Add the package {Expected.Package}, version 2.10.0, to the program.";
            if (WhyUnloadable(file) is { } reason)
                return $"libtorch cannot be loaded: {reason}. It needs {Expected.Needs}.";
        }

        return "libtorch cannot be loaded, though its libraries can: see the inner exception.";
    }

    private static string? WhyUnloadable(string file)
    {
        try
        {
            NativeLibrary.Load(file);
            return null;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            // The loader's own words come last.
            return e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^1].TrimEnd('.');
        }
    }
}
