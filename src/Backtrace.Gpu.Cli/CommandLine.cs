using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using System.Text;
using Backtrace.Gpu.Cli.Commands;
using Spectre.Console;

namespace Backtrace.Gpu.Cli;

/// <summary>Builds the root command, runs it, and turns whatever happens into one line and one exit code.</summary>
internal static class CommandLine
{
    // A new command is one line here.
    private static readonly Func<Command>[] Commands =
    [
        ExplainCommand.Create,
        EvaluateCommand.Create,
        DemoCommand.Create,
        DevicesCommand.Create,
        TrainCommand.Create,
    ];

    private const string Description = "Explains neural networks: how much each input contributed to an answer, by DLBacktrace relevance.";

    private static readonly Option<bool> Verbose = new("--verbose", "-v")
    {
        Description = "On failure, print where it happened.",
        Recursive = true,
    };

    internal static RootCommand CreateRoot()
    {
        RootCommand root = new(Description) { Verbose };
        foreach (Func<Command> create in Commands)
            root.Subcommands.Add(create());
        HelpWithExamples.AddTo(root);
        return root;
    }

    /// <summary>Runs one command line; never throws.</summary>
    internal static async Task<int> RunAsync(string[] arguments, TextWriter? output = null, TextWriter? error = null)
    {
        // Elsewhere it is UTF-8 anyway. Setting it makes new writers, so it comes first.
        if (output is null && OperatingSystem.IsWindows())
            Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        output ??= Console.Out;
        error = new PatientWriter(error ?? Console.Error);
        ParseResult parsed = CreateRoot().Parse(arguments);
        using CancellationTokenSource cancellation = new();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Cancel(signal, cancellation));
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Cancel(signal, cancellation));
        InvocationConfiguration configuration = new()
        {
            Output = output,
            Error = error,
            EnableDefaultExceptionHandler = false,
            // Signals are handled above: the library's own handler exits after a fixed time, whatever is being written.
            ProcessTerminationTimeout = null,
        };
        bool isRefused = parsed.Action is ParseErrorAction;
        // Help would push what is wrong out of sight; where a command is missing, it is the list of them.
        if (parsed.Action is ParseErrorAction refusal)
        {
            refusal.ShowTypoCorrections = false;
            refusal.ShowHelp = parsed.CommandResult.Command.Subcommands.Count > 0 && parsed.UnmatchedTokens.Count == 0;
        }

        try
        {
            int code = await parsed.InvokeAsync(configuration, cancellation.Token);
            foreach (string hint in isRefused ? Meant(parsed) : [])
                await error.WriteLineAsync(hint);
            if (isRefused)
                await error.WriteLineAsync($"Run '{PathOf(parsed.CommandResult)} --help' for what it takes.");
            return parsed.Errors.Count > 0 ? ExitCodes.Usage : code;
        }
#pragma warning disable CA1031 // The one place where every failure ends.
        catch (Exception e)
#pragma warning restore CA1031
        {
            int code = ExitCodes.Of(e, out string message);
            await error.WriteLineAsync(message);
            if (parsed.GetValue(Verbose))
                await error.WriteLineAsync(e.ToString());
            else if (code == ExitCodes.Unexpected)
                await error.WriteLineAsync("Run again with --verbose to see where.");
            return code;
        }
    }

    /// <summary>True when progress bars make sense: a person is watching, and output is not captured.</summary>
    internal static bool IsInteractive =>
        !Console.IsOutputRedirected && !Console.IsErrorRedirected && AnsiConsole.Profile.Capabilities.Interactive;

    // What misspelt commands and options may mean; values that were meant for such an option are like neither.
    private static IEnumerable<string> Meant(ParseResult parsed)
    {
        string[] options = OptionsOf(parsed.CommandResult);
        string[] verbs = [.. parsed.CommandResult.Command.Subcommands.Select(command => command.Name)];
        return parsed.UnmatchedTokens.Select(token => NearNames.Hint(token, token.StartsWith('-') ? options : verbs).TrimStart()).Where(hint => hint.Length > 0);
    }

    /// <summary>The options of a command, those that it shares with all others included.</summary>
    internal static string[] OptionsOf(CommandResult command)
    {
        return [.. Commands(command).SelectMany((one, k) => one.Options.Where(option => k == 0 || option.Recursive)).Select(option => option.Name)];

        static IEnumerable<Command> Commands(CommandResult last) => last.Parent is CommandResult parent ? Commands(parent).Prepend(last.Command) : [last.Command];
    }

    private static string PathOf(CommandResult command) => command.Parent is CommandResult parent ? $"{PathOf(parent)} {command.Command.Name}" : "backtrace";

    // The first signal asks; a second one, which is not caught any more, ends the process.
    private static void Cancel(PosixSignalContext signal, CancellationTokenSource cancellation)
    {
        signal.Cancel = !cancellation.IsCancellationRequested;
        cancellation.Cancel();
    }
}
