using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Heat maps for every picture of a run: PNG and SVG files and cards of the page.</summary>
internal static class ImageReport
{
    /// <summary>A page with more pictures than this would take long to open; files are written for all.</summary>
    private const int Shown = 200;

    /// <summary>Writes the files and returns the page's contents; <paramref name="files"/> receives the names of each input's files.</summary>
    internal static Markup Write(ExplainResult result, ResultFolder folder, List<string[]> files, CancellationToken cancellation)
    {
        ImageSamples samples = (ImageSamples)result.Samples;
        List<Markup> cards = [];
        for (int n = 0; n < samples.Count; n++)
        {
            cancellation.ThrowIfCancellationRequested();
            ImageInput image = samples.Images[n];
            Explained e = result.Explained[n];
            IReadOnlyList<Panel> panels = ImagePanels.Of(image, e);
            HeatMap map = panels[^1].Map!;
            string stem = folder.FreeStem(Words.FileStem(samples.Name(n)), n, ".png", ".svg"), answer = result.Answer(n);
            File.WriteAllBytes(folder.Add(stem + ".png"), map.OverlayPng(map.FileZoom));
            File.WriteAllText(folder.Add(stem + ".svg"), HeatMapFile.Svg(panels, (double)image.Height / image.Width, $"{samples.Name(n)}: {answer}", result.Model.Title));
            files.Add([stem + ".png", stem + ".svg"]);
            if (n < Shown)
                cards.Add(Card(samples.Name(n), image.Note, answer, e, panels));
        }

        Markup rest = samples.Count > Shown ? $"<p class=\"note\">The first {Shown} of {Counted.Of(samples.Count, "picture")}; the others are beside this page as PNG and SVG files.</p>" : Markup.Empty;
        int least = result.Explained[0].Mask is not null ? 1000 : result.IsContrastive ? 540 : 340;
        return $"""
            <section><h2>Which pixels decided</h2>
            <p>{ReadingHint(result)}</p>
            <div class="grid" style="--least:{least}px">{cards}</div>{rest}</section>
            """;
    }

    private static string ReadingHint(ExplainResult result)
    {
        string subject = result.Explained[0].Mask is null ? "the decision" : "the decisions about all pixels of the mask";
        if (result.IsContrastive)
            return $"Orange pixels went into {subject}, blue ones into its alternatives, on one scale; each kind adds up to 100 %. The difference shows what tells the two apart: where it is pale, a pixel counts for both alike.";
        return $"The stronger a pixel, the larger its share of {subject}{result.Pull}. All shares of a picture and the shares of the network's own constants (its biases) add up to 100 %. "
            + (result.IsFaithful ? "" : result.Explained.Any(e => e.Relevance.Any(r => r < 0)) ? "Where the scale has two sides, orange speaks for the class and blue against it." : "The faint grey picture underneath is only there for orientation.");
    }

    private static Markup Card(string name, string? note, string answer, Explained e, IReadOnlyList<Panel> panels)
    {
        Markup remark = note is null ? Markup.Empty : $"<p class=\"note\">{note}</p>";
        return $"""
            <article class="card"><h3>{name}</h3><p class="note">{answer}</p>{remark}
            <div class="row">{panels.Select(panel => Figure(panel, name))}</div>
            {LedgerSection.Lines(e)}</article>
            """;
    }

    internal static Markup Figure(Panel panel, string name) => $"""
        <figure><img alt="{name}: {panel.Title}" src="{Png.Uri(panel.Png)}"><figcaption>{panel.Title}</figcaption>{(panel.Map is null ? Markup.Empty : Scale.Inline(panel.Map))}</figure>
        """;
}
