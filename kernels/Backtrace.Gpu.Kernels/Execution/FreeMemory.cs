using System.Globalization;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>The machine's memory that this process may still fill. Linux promises more than there is and kills a process that uses it: no allocation fails before.</summary>
internal static class FreeMemory
{
    /// <summary>Who finds less than this should stop.</summary>
    public const long Reserve = 512L << 20;

    private const string Group = "/sys/fs/cgroup/";

    /// <summary>Stands for the truth on this thread, for tests.</summary>
    [field: ThreadStatic]
    public static long? Pretended { get; set; }

    /// <summary>Bytes. As many as can be where they are not known, or where allocations fail in time, as on Windows.</summary>
    public static long Bytes() => Pretended ?? (OperatingSystem.IsLinux() ? Math.Min(OfMachine(), OfGroup()) : long.MaxValue);

    private static long OfMachine()
    {
        try
        {
            Dictionary<string, long> found = Read("/proc/meminfo");
            return found.TryGetValue("MemAvailable:", out long available) ? (available + found.GetValueOrDefault("SwapFree:")) * 1024 : long.MaxValue;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return long.MaxValue;
        }
    }

    // A container's limit. Pages of files that nobody uses count as its memory until others need the room.
    private static long OfGroup()
    {
        try
        {
            return File.Exists(Group + "memory.max") && long.TryParse(File.ReadAllText(Group + "memory.max"), CultureInfo.InvariantCulture, out long most)
                ? most - long.Parse(File.ReadAllText(Group + "memory.current"), CultureInfo.InvariantCulture) + Read(Group + "memory.stat").GetValueOrDefault("inactive_file")
                : long.MaxValue;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return long.MaxValue;
        }
    }

    // Lines of a name and a number.
    private static Dictionary<string, long> Read(string path)
    {
        Dictionary<string, long> found = [];
        foreach (string line in File.ReadLines(path))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > 1 && long.TryParse(words[1], CultureInfo.InvariantCulture, out long value))
                found[words[0]] = value;
        }

        return found;
    }
}
