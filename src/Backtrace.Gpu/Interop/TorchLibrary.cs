using System.Runtime.InteropServices;
using TorchSharp;

namespace Backtrace.Gpu.Interop;

/// <summary>Says why libtorch cannot be loaded. TorchSharp blames a missing package, whatever the loader said.</summary>
internal static class TorchLibrary
{
    private static readonly string[] Files = ["libtorch_cpu.so", "libLibTorchSharp.so"];

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
        foreach (string name in Files)
        {
            string? file = folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
            if (file is null)
                return $"libtorch cannot be loaded: {name} is missing. Add the package libtorch-cpu-linux-x64, version 2.10.0, to the program.";
            if (WhyUnloadable(file) is { } reason)
                return $"libtorch cannot be loaded: {reason}. It needs the C++ runtime of GCC 13 or newer (GLIBCXX_3.4.32) and 3 GB of address space.";
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
