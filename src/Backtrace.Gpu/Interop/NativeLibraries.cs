using System.Reflection;
using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Interop;

/// <summary>Finds libtorch's own libraries, which TorchSharp has loaded or can load.</summary>
internal static class NativeLibraries
{
    private static readonly Lazy<bool> Once = new(() =>
    {
        NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, Resolve);
        return true;
    });

    public static void Register() => _ = Once.Value;

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (NativeLibrary.TryLoad(name, assembly, path, out nint handle))
            return handle;

        string searched = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        string[] patterns = name == "gomp" ? ["libgomp*.so*"] : [$"lib{name}.so*", $"{name}.dll", $"lib{name}.dylib"];
        foreach (string folder in searched.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Append(AppContext.BaseDirectory))
        {
            foreach (string pattern in patterns)
            {
                foreach (string file in Directory.Exists(folder) ? Directory.EnumerateFiles(folder, pattern) : [])
                {
                    if (NativeLibrary.TryLoad(file, out handle))
                        return handle;
                }
            }
        }

        return 0;
    }
}
