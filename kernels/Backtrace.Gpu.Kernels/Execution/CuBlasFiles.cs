namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Where cuBLAS may be.</summary>
internal static class CuBlasFiles
{
    // Newest first: a driver that is too old for one refuses it, and the next is tried.
    private static readonly int[] Versions = [13, 12, 11];

    private static readonly string[] LibraryFolders = ["lib64", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib", "bin/x64", "bin"];

    /// <summary>
    /// The names, which the runtime looks for among the application's native libraries (where packages of libtorch put it) and then lets the system find; after
    /// them the files in NVIDIA's toolkits.
    /// </summary>
    public static IEnumerable<string> Candidates() => Names(OperatingSystem.IsWindows()).Concat(In(Toolkits(), OperatingSystem.IsWindows()));

    /// <summary>The names of the versions that can be used.</summary>
    public static IEnumerable<string> Names(bool isWindows) =>
        isWindows ? Versions.Select(v => $"cublas64_{v}.dll") : Versions.Select(v => $"libcublas.so.{v}").Append("libcublas.so");

    /// <summary>The files in toolkits that exist.</summary>
    public static IEnumerable<string> In(IEnumerable<string> toolkits, bool isWindows) =>
        from toolkit in toolkits
        from folder in LibraryFolders
        from name in Names(isWindows)
        let file = Path.Combine(toolkit, folder, name)
        where File.Exists(file)
        select file;

    /// <summary>The library that a copy of cuBLAS depends on, beside it.</summary>
    public static string DependencyOf(string file) =>
        Path.Combine(Path.GetDirectoryName(file) ?? "", Path.GetFileName(file).Replace("cublas", "cublasLt", StringComparison.Ordinal));

    private static IEnumerable<string> Toolkits()
    {
        string?[] named = [Environment.GetEnvironmentVariable("CUDA_PATH"), Environment.GetEnvironmentVariable("CUDA_HOME")];
        IEnumerable<string> usual = !OperatingSystem.IsWindows() && Directory.Exists("/usr/local")
            ? Directory.EnumerateDirectories("/usr/local", "cuda*").OrderDescending(StringComparer.Ordinal)
            : [];
        return named.Where(folder => !string.IsNullOrEmpty(folder)).Concat(usual)!;
    }
}
