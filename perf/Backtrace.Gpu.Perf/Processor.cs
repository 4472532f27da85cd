using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Perf;

/// <summary>The processor of this machine.</summary>
internal static class Processor
{
    /// <summary>As the system calls it; else its architecture.</summary>
    public static string Name { get; } = Find();

    private static string Find()
    {
        string architecture = RuntimeInformation.ProcessArchitecture.ToString();
        if (OperatingSystem.IsWindows())
            return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? architecture;
        const string cpuInfo = "/proc/cpuinfo";
        string? line = File.Exists(cpuInfo) ? File.ReadLines(cpuInfo).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? architecture;
    }
}
