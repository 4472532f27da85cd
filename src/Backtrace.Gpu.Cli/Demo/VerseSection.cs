using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>Shakespeare by an LSTM that writes character by character.</summary>
internal static class VerseSection
{
    private const int Generated = 24, Last = 5;

    internal static Markup Write(string folder, Action<string> say, CancellationToken cancellation)
    {
        using DemoModel model = new("shakespeare-lstm", folder);
        using PromptSamples samples = GeneratedText.Read(model, ["First Citi"], Generated, cancellation);
        say($"{model.Description.Title}: {samples.Count} generated characters");
        DemoRun run = model.Explain(samples, cancellation);
        return $"""
            <section id="verse"><h2>Verse: how far a memory reaches</h2>
            <p>An LSTM reads one character after the other and keeps what it needs in a state of fixed size. It never looks back, but relevance can be traced back through the state: of what reached the text, {Numbers.Percent(Near(run))} went to the {Last} characters right before the new one.</p>
            {DemoParts.Facts(run, "generated character")}
            {GeneratedText.Card(run, samples, "verse-matrix.svg", folder)}
            {LedgerSection.Table(run.Nodes)}</section>
            """;
    }

    private static double Near(DemoRun run)
    {
        PromptSamples samples = (PromptSamples)run.Result.Samples;
        return run.Samples.Select((e, n) => e.Relevance[..(samples.Steps[n].Position + 1)].TakeLast(Last).Sum(share => (double)share) / e.Account.Input).Average();
    }
}
