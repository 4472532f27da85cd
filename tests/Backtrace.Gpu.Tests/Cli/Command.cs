using Backtrace.Gpu.Cli;

namespace Backtrace.Gpu.Tests.Cli;

/// <summary>Runs the command line inside the test process.</summary>
internal static class Command
{
    internal static async Task<(int Code, string Output, string Error)> Run(params string[] arguments)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int code = await CommandLine.RunAsync(arguments, output, error);
        return (code, output.ToString(), error.ToString());
    }
}
