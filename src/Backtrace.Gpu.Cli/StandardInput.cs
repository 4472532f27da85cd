using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli;

/// <summary>Standard input as a file, which - stands for.</summary>
internal static class StandardInput
{
    private const string Path = "/dev/stdin";
    // From Linux's fcntl.h.
    private const int AccessMode = 3;

    /// <summary>What - and -:0-9 name; everything else as it is.</summary>
    /// <exception cref="InvalidInputException">Standard input is closed.</exception>
    internal static string Opened(string input)
    {
        // Windows has no such file.
        if (OperatingSystem.IsWindows())
            return input;
        string path = input is "-" or ['-', ':', ..] ? Path + input[1..] : input;
        if ((path == Path || path.StartsWith(Path + ":", StringComparison.Ordinal)) && IsOwnPipe())
            throw new InvalidInputException(Path, "standard input is closed; name a file, or send one through a pipe");
        return path;
    }

    // Where standard input was closed, its number goes to the first pipe that the runtime makes for itself. Reading from that never ends.
    private static bool IsOwnPipe()
    {
        const string files = "/proc/self/fd";
        if (!Directory.Exists(files) || TargetOf($"{files}/0") is not { } input || !input.StartsWith("pipe:", StringComparison.Ordinal))
            return false;
        return new DirectoryInfo(files).EnumerateFileSystemInfos().Any(file => file.Name != "0" && TargetOf(file.FullName) == input && IsForWriting(file.Name));
    }

    private static string? TargetOf(string link)
    {
        try
        {
            return new FileInfo(link).LinkTarget;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static bool IsForWriting(string number)
    {
        try
        {
            string flags = File.ReadLines($"/proc/self/fdinfo/{number}").First(line => line.StartsWith("flags:", StringComparison.Ordinal))[6..].Trim();
            return (Convert.ToInt32(flags, 8) & AccessMode) != 0;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
