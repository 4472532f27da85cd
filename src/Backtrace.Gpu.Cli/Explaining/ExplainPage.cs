using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Kernels.Contraction;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The page of `backtrace explain`.</summary>
internal static class ExplainPage
{
    private const int Listed = 100;

    internal static void Write(string path, ExplainResult result, Markup body)
    {
        int count = result.Count;
        RunFacts first = result.Batches[0].Facts;
        string precision = first.Precision == ContractionPrecision.BFloat16 ? "bf16" : "fp32";
        long peak = result.Batches.Max(batch => batch.Facts.PeakBytes);
        Markup lead = $"""
            <p class="lead">{result.Model.Title}: {Counted.Of(result.Samples.Count, result.Samples is PromptSamples ? "token" : "input")} explained{(count > result.Samples.Count ? $", each for {Counted.Of(count / result.Samples.Count, "target")}," : "")} by DLBacktrace relevance{(result.IsFaithful ? ", by rules that keep the sign of evidence" : "")}.</p>
            <ul class="facts"><li><b>{Numbers.Duration(result.Seconds / count)}</b>per explanation</li><li><b>{first.Device}</b>device</li><li><b>{precision}</b>products</li>{(result.IsHalf ? (Markup)$"<li><b>bf16</b>weights</li>" : Markup.Empty)}<li><b>{Numbers.Bytes(peak)}</b>peak memory</li><li><b>{LedgerSection.Sum(result.Mean)}</b>{(result.IsContrastive ? "supporting relevance" : "ledger")}, mean over the {(count > result.Samples.Count ? "explanations" : "inputs")}</li></ul>{Skipped(result)}
            """;
        Markup source = result.Model.Source is { } text ? $" {text}" : Markup.Empty;
        Page.Write(path, $"{result.Name} explained", lead, $"{body}{Ledgers(result)}", $"Written by backtrace.{source}");
    }

    private static Markup Skipped(ExplainResult result)
    {
        if (result.Skipped.Count == 0)
            return Markup.Empty;
        string rest = result.Skipped.Count > Listed ? $"... and {Numbers.Count(result.Skipped.Count - Listed)} more" : "";
        return $"""<details><summary>{Counted.Of(result.Skipped.Count, "input")} left out</summary><p class="note">{result.Skipped.Take(Listed).Select(message => (Markup)$"{message}<br>")}{rest}</p></details>""";
    }

    private static Markup Ledgers(ExplainResult result) => result.OpposingNodes is { } opposing
        ? $"{LedgerSection.Table(result.Nodes, "Ledger of the supporting relevance")}{LedgerSection.Table(opposing, "Ledger of the opposing relevance")}"
        : LedgerSection.Table(result.Nodes);
}
