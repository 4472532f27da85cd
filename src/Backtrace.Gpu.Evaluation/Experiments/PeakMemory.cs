using System.Globalization;
using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>
/// Memory that some work takes: how far the process's resident set rises above what it was before. The allocator first gives back what it only
/// keeps, so that memory of earlier work does not hide the rise. Linux only.
/// </summary>
internal static class PeakMemory
{
    private const string Reset = "/proc/self/clear_refs", Status = "/proc/self/status";

    /// <summary>Bytes; NaN where the system does not say.</summary>
    internal static double Of(Action work)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        bool known = TryReset(out long before);
        work();
        return known ? Math.Max(0, Read("VmHWM:") - before) : double.NaN;
    }

    private static bool TryReset(out long before)
    {
        before = 0;
        if (!OperatingSystem.IsLinux())
            return false;
        try
        {
            _ = Trim(0);
            File.WriteAllText(Reset, "5"); // The high-water mark becomes the present size.
            before = Read("VmRSS:");
            return before > 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or EntryPointNotFoundException or DllNotFoundException)
        {
            return false;
        }
    }

    private static long Read(string field)
    {
        string? line = File.ReadLines(Status).FirstOrDefault(line => line.StartsWith(field, StringComparison.Ordinal));
        return line is null ? 0 : 1024 * long.Parse(line[field.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture);
    }

    [DllImport("libc", EntryPoint = "malloc_trim")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Trim(nuint pad);
}
