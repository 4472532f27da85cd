using System.Diagnostics;
using Backtrace.Gpu.Kit.Report;

namespace Backtrace.Gpu.Kit;

/// <summary>Starts a process per part, whose rows make up one table, and joins their figures.</summary>
internal static class Parts
{
    // A kernel that never ends must not hold up the rest.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    internal static int Run(KitOptions options)
    {
        long started = Stopwatch.GetTimestamp();
        string folder = Directory.CreateTempSubdirectory("gpu-kit").FullName;
        List<string> files = [], failed = [];
        Console.WriteLine(Machine.Line(options.Device));
        Console.WriteLine();
        Figures.Head(Console.Out);
        foreach (string part in Part.Names.Where(part => options.Only.Contains(part) && Part.IsFor(part, options)))
        {
            files.Add(Path.Combine(folder, part + ".json"));
            if (Start(options.ForPart(part, files[^1])) is { } reason)
                failed.Add($"{part} {reason}");
        }

        if (!options.IsCuda)
            Console.WriteLine($"Whether memory is shared with libtorch is a question of CUDA, not asked on {options.Device}.");
        if (options.Json is { } path)
            Figures.Join(files, path);
        Directory.Delete(folder, recursive: true);
        Console.WriteLine();
        Console.WriteLine($"{Stopwatch.GetElapsedTime(started).TotalSeconds:F0} s; {(failed.Count == 0 ? "all parts ended well" : $"failed: {string.Join(", ", failed)}")}");
        return failed.Count == 0 ? 0 : 1;
    }

    // Null if it ended well, else how it ended.
    private static string? Start(string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, arguments))!;
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            return $"(no end after {Limit.TotalMinutes:F0} minutes)";
        }

        return process.ExitCode switch { 0 => null, 1 => "", var code => $"(exit code {code})" };
    }
}
