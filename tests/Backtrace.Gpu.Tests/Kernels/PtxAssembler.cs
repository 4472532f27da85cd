using System.Diagnostics;
using System.Text.RegularExpressions;
using Backtrace.Gpu.Tests.Support;

namespace Backtrace.Gpu.Tests.Kernels;

/// <summary>NVIDIA's assembler, where the environment variable BACKTRACE_PTXAS names it.</summary>
internal static partial class PtxAssembler
{
    internal static string? Program { get; } = Environment.GetEnvironmentVariable("BACKTRACE_PTXAS") is { Length: > 0 } path ? path : null;

    /// <summary>What is wrong with the text on an sm_90 device: errors, or registers that are kept in memory; empty if nothing is.</summary>
    internal static string Faults(string program, string ptx)
    {
        using TemporaryFolder folder = new();
        string source = Path.Combine(folder.Path, "kernel.ptx");
        File.WriteAllText(source, ptx);
        ProcessStartInfo start = new(program, ["-arch=sm_90", "-v", source, "-o", Path.Combine(folder.Path, "kernel.cubin")]) { RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string report = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Match spills = Spills().Match(report);
        return process.ExitCode == 0 && spills is { Success: true, Groups: var bytes } && bytes.Values.Skip(1).All(g => g.Value == "0") ? "" : $"exit code {process.ExitCode}: {report}";
    }

    [GeneratedRegex(@"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")]
    private static partial Regex Spills();
}
