using Backtrace.Gpu.Cli.Pictures;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>What `backtrace explain` prints for people.</summary>
internal static class ExplainText
{
    private const int Listed = 20;

    internal static void Write(TextWriter output, ExplainResult result, string folder)
    {
        int width = Enumerable.Range(0, Math.Min(Listed, result.Samples.Count)).Max(n => result.Samples.Name(n).Length);
        for (int n = 0; n < Math.Min(Listed, result.Samples.Count); n++)
            output.WriteLine($"{result.Samples.Name(n).PadRight(width)}  {Words.Answer(result.Explained[n], result.Model.Classes)}");
        if (result.Samples.Count > Listed)
            output.WriteLine($"... and {result.Samples.Count - Listed} more");
        int count = result.Explained.Count;
        output.WriteLine();
        output.WriteLine($"{count} {(count == 1 ? "explanation" : "explanations")} of {result.Model.Title} on {result.Batches[0].Facts.Device}: {Numbers.Milliseconds(result.Seconds / count)} each");
        output.WriteLine($"ledger: {Pages.LedgerSection.Sum(result.Mean)}");
        output.WriteLine($"written: {Path.Combine(folder, "index.html")}");
    }

    /// <summary>The table of --ledger: means over the inputs, from the output to the input.</summary>
    internal static void WriteLedger(TextWriter output, ExplainResult result)
    {
        IReadOnlyList<NodeTotals> lines = NodeTotals.Of(result.Batches);
        int name = Math.Max(5, lines.Max(line => line.Node.Length)), kind = Math.Max(8, lines.Max(line => line.Operator.Length));
        output.WriteLine($"{"layer".PadRight(name)}  {"operator".PadRight(kind)}{"in",11}{"out",11}{"bias",11}{"dropped",11}{"constants",11}");
        foreach (NodeTotals line in lines)
            output.WriteLine($"{line.Node.PadRight(name)}  {line.Operator.PadRight(kind)}{line.In,11:F6}{line.Out,11:F6}{line.Bias,11:F6}{line.Dropped,11:F6}{line.Constants,11:F6}");
        Account mean = result.Mean;
        output.WriteLine($"{"total".PadRight(name)}  {"".PadRight(kind)}{mean.Start,11:F6}{mean.Input,11:F6}{mean.Bias,11:F6}{mean.Dropped,11:F6}{mean.Constants,11:F6}");
        output.WriteLine();
    }
}
