using System.ComponentModel;
using System.Diagnostics;

namespace Backtrace.Gpu.Kit.Attention;

/// <summary>Runs attention.py with the machine's own Python.</summary>
internal static class TorchScript
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>What it printed last, or why there is nothing.</summary>
    internal static (string? Line, string Reason) Run(string python, params string[] arguments)
    {
        ProcessStartInfo start = new(python, [Path.Combine(AppContext.BaseDirectory, "attention.py"), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(Limit))
            {
                process.Kill(entireProcessTree: true);
                return (null, $"{python} did not end in {Limit.TotalMinutes:F0} minutes");
            }

            process.WaitForExit();
            return process.ExitCode == 0 && Last(output.Result) is { } line ? (line, "") : (null, Last(errors.Result) ?? $"{python} ended with exit code {process.ExitCode}");
        }
        catch (Win32Exception)
        {
            return (null, $"there is no {python}");
        }
    }

    /// <summary>The copies of cuBLAS that Python packages have brought along.</summary>
    internal static IEnumerable<string> Libraries(string python) => Run(python, "--cublas").Line?.Split(':', StringSplitOptions.RemoveEmptyEntries) ?? [];

    private static string? Last(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault();
}
