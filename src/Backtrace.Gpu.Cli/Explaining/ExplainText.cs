using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>What `backtrace explain` prints for people.</summary>
internal static class ExplainText
{
    private const int Listed = 20;

    internal static void Write(TextWriter output, ExplainResult result, string folder, TimeSpan elapsed, bool colour)
    {
        int shown = Math.Min(Listed, result.Count);
        if (result.Samples is TokenSamples)
            TokenText.Write(output, result, shown, colour);
        else
            WriteAnswers(output, result, shown);
        if (result.Count > Listed)
            output.WriteLine($"... and {Numbers.Count(result.Count - Listed)} more");
        int count = result.Count;
        output.WriteLine();
        if (result.Skipped.Count > 0)
            output.WriteLine($"{Counted.Of(result.Skipped.Count, "input")} left out");
        output.WriteLine($"{Counted.Of(count, "explanation")} of {result.Model.Title} on {result.Batches[0].Facts.Device}: {Numbers.Duration(result.Seconds / count)} each{(count > 1 ? $"; {Numbers.Duration(elapsed.TotalSeconds)} in all{PerSecond(count / elapsed.TotalSeconds)}" : "")}");
        output.WriteLine($"{(result.IsContrastive ? "supporting" : "ledger")}: {LedgerSection.Sum(result.Mean)}");
        if (result.OpposingMean is { } opposing)
            output.WriteLine($"opposing:   {LedgerSection.Sum(opposing)}");
        output.WriteLine($"written: {Path.Combine(folder, "index.html")}");
    }

    /// <summary>The table of --ledger: means over the explanations, from the output to the input.</summary>
    internal static void WriteLedger(TextWriter output, ExplainResult result)
    {
        WriteLedger(output, result.Nodes, result.Mean, result.IsContrastive ? "supporting" : null);
        if (result.OpposingNodes is { } opposing)
            WriteLedger(output, opposing, result.OpposingMean!.Value, "opposing");
    }

    /// <summary>Explanations per second; nothing where one takes so long that it would be called 0.</summary>
    internal static string PerSecond(double rate) => rate < 0.1 ? "" : $", {(rate < 100 ? Numbers.Value(Math.Round(rate, 1)) : Numbers.Count((int)rate))} per second";

    private static void WriteAnswers(TextWriter output, ExplainResult result, int shown)
    {
        int width = result.Explained.Take(shown).Max(e => e.Name.Length);
        for (int n = 0; n < shown; n++)
            output.WriteLine($"{result.Explained[n].Name.PadRight(width)}  {result.Answer(n)}");
    }

    private static void WriteLedger(TextWriter output, IReadOnlyList<NodeTotals> lines, Account mean, string? stream)
    {
        int name = Math.Max(5, lines.Max(line => line.Node.Length)), kind = Math.Max(8, lines.Max(line => line.Operator.Length));
        if (stream is not null)
            output.WriteLine($"{stream} relevance");
        output.WriteLine($"{"layer".PadRight(name)}  {"operator".PadRight(kind)}{"in",11}{"out",11}{"bias",11}{"dropped",11}{"constants",11}");
        foreach (NodeTotals line in lines)
            output.WriteLine($"{line.Node.PadRight(name)}  {line.Operator.PadRight(kind)}{line.In,11:F6}{line.Out,11:F6}{line.Bias,11:F6}{line.Dropped,11:F6}{line.Constants,11:F6}");
        output.WriteLine($"{"total".PadRight(name)}  {"".PadRight(kind)}{mean.Start,11:F6}{mean.Input,11:F6}{mean.Bias,11:F6}{mean.Dropped,11:F6}{mean.Constants,11:F6}");
        output.WriteLine();
    }
}
