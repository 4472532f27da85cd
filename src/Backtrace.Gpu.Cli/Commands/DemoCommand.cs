using System.CommandLine;
using System.Diagnostics;
using Backtrace.Gpu.Cli.Demo;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Cli.Commands;

/// <summary>`backtrace demo`: the repository's own models, explained on one page.</summary>
internal static class DemoCommand
{
    private static readonly (string Name, Func<string, Action<string>, CancellationToken, Markup> Write)[] Sections =
    [
        ("photos", PhotoSection.Write),
        ("digits", DigitSection.Write),
        ("loans", LoanSection.Write),
        ("vessels", VesselSection.Write),
        ("sentences", SentenceSection.Write),
        ("stories", StorySection.Write),
        ("verse", VerseSection.Write),
    ];

    internal static Command Create()
    {
        Option<string> output = new("--out", "-o") { Description = "Folder for index.html and its pictures.", DefaultValueFactory = _ => Path.Combine("artifacts", "demo") };
        Option<string[]> only = new("--only") { Description = "Sections to show. [default: all]", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
        only.AcceptOnlyFromAmong([.. Sections.Select(section => section.Name)]);
        Command command = new("demo", "Explain photos, digits, loans, a retina, sentences and generated text by the models in this repository, and write a page about it.") { output, only };
        command.SetAction((parsed, cancellation) =>
        {
            string[] wanted = parsed.GetRequiredValue(only);
            Write(parsed.GetRequiredValue(output), name => wanted.Length == 0 || wanted.Contains(name), parsed.InvocationConfiguration.Output, cancellation);
            return Task.FromResult(ExitCodes.Ok);
        });
        return command;
    }

    private static void Write(string folder, Func<string, bool> isWanted, TextWriter output, CancellationToken cancellation)
    {
        long started = Stopwatch.GetTimestamp();
        DemoData.Find("cifar10");
        using OutputFolder prepared = OutputFolder.Prepare(folder);
        List<Markup> sections = [];
        foreach ((string name, Func<string, Action<string>, CancellationToken, Markup> write) in Sections)
        {
            if (isWanted(name))
                sections.Add(write(folder, output.WriteLine, cancellation));
        }

        string page = Path.Combine(folder, "index.html");
        Page.Write(page, "What did the network look at?", Lead(), Markup.Join(sections), Foot());
        output.WriteLine($"{page}: done in {Numbers.Duration(Stopwatch.GetElapsedTime(started).TotalSeconds)}");
    }

    private static Markup Lead() => $"""
        <p class="lead">Trained networks, explained by <b>Backtrace.Gpu</b>: DLBacktrace relevance computed on {Counted.Of(Environment.ProcessorCount, "processor thread")}.</p>
        <p>An explanation starts with one unit of relevance at the network's answer and hands it back, layer by layer, to whatever the answer was computed from, until all of it has arrived at the input. Nothing is lost on the way: what the pixels, facts or words received, what the network's own constants (biases) kept and what was dropped where there was nothing to share among add up to 1. That account, the ledger, is kept for every layer and shown below.</p>
        """;

    private static Markup Foot() => $"""
        Photos: CIFAR-10. Digits: MNIST. Loans: Lending Club sample of the modeldata package. Retina: Mikael H&#228;ggstr&#246;m, CC0. Sentences: SST-2. Networks and licences: <code>tests/assets/README.md</code>. Method: DLBacktrace, arXiv 2411.12643.
        """;
}
