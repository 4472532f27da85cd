using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>Pieces that the sections of the demo share.</summary>
internal static class DemoParts
{
    /// <summary>Time and ledger of a model in one line of figures.</summary>
    internal static Markup Facts(DemoRun run, string thing) => $"""
        <ul class="facts">{Single(run)}<li><b>{Numbers.Duration(run.BatchSeconds)}</b>{Counted.Of(run.Samples.Count, thing)}{(run.Result.Batches.Count == 1 ? " in one pass" : "")}</li><li><b>{LedgerSection.Sum(run.Mean)}</b>{run.Description.Title}: where the relevance went, on average</li></ul>
        """;

    private static Markup Single(DemoRun run) => run.SingleSeconds is { } seconds
        ? $"""<li><b>{Numbers.Duration(seconds)}</b>one explanation, fastest of {DemoModel.Repetitions}</li>"""
        : Markup.Empty;

    /// <summary>A picture with a line under it.</summary>
    internal static Markup Figure(byte[] png, string alternative, Markup below) =>
        $"""<figure><img alt="{alternative}" src="{Png.Uri(png)}">{below}</figure>""";

    /// <summary>A heat map with its scale and the answer that it explains; also written as a PNG file.</summary>
    internal static Markup Map(HeatMap map, string file, string folder, string title, Markup answer)
    {
        File.WriteAllBytes(Path.Combine(folder, file), map.OverlayPng(map.FileZoom));
        return Figure(map.OverlayPng(), $"Relevance, {title}", $"""{Scale.Inline(map)}<figcaption><b>{title}</b><br>{answer}</figcaption>""");
    }

    /// <summary>"cat 97.3 %", in green where it is right and in red where it is wrong.</summary>
    internal static Markup Answer(Explained e, int truth, IReadOnlyList<string> classes) =>
        $"""<span class="{(e.Predicted.Index == truth ? "yes" : "no")}">{classes[e.Predicted.Index]}</span> {Words.Share(e.Predicted)}""";
}
