using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Heat maps for every picture of a run: PNG and SVG files and cards of the page.</summary>
internal static class ImageReport
{
    /// <summary>A page with more pictures than this would take long to open; files are written for all.</summary>
    private const int Shown = 200;

    /// <summary>Writes the files and returns the page's contents; <paramref name="files"/> receives the names of each input's files.</summary>
    internal static Markup Write(ExplainResult result, string folder, List<string[]> files, CancellationToken cancellation)
    {
        ImageSamples samples = (ImageSamples)result.Samples;
        HashSet<string> stems = [];
        List<Markup> cards = [];
        for (int n = 0; n < samples.Count; n++)
        {
            cancellation.ThrowIfCancellationRequested();
            ImageInput image = samples.Images[n];
            Explained e = result.Explained[n];
            HeatMap map = new(e.Relevance, image.Rgb.Span, image.Width, image.Height);
            string stem = Words.FileStem(samples.Name(n), n, stems), answer = Words.Answer(e, result.Model.Classes);
            stems.Add(stem);
            File.WriteAllBytes(Path.Combine(folder, stem + ".png"), map.OverlayPng(map.FileZoom));
            File.WriteAllText(Path.Combine(folder, stem + ".svg"), HeatMapFile.Svg(map, $"{samples.Name(n)}: {answer}", result.Model.Title));
            files.Add([stem + ".png", stem + ".svg"]);
            if (n < Shown)
                cards.Add(Card(samples.Name(n), image.Note, answer, e, map));
        }

        Markup rest = samples.Count > Shown ? $"<p class=\"note\">The first {Shown} of {samples.Count} pictures; the others are beside this page as PNG and SVG files.</p>" : Markup.Empty;
        return $"""
            <section><h2>Which pixels decided</h2>
            <p>{ReadingHint(result)}</p>
            <div class="grid">{cards}</div>{rest}</section>
            """;
    }

    private static string ReadingHint(ExplainResult result) =>
        "The brighter a pixel, the larger its share of the decision, whichever way it pulled. All shares of a picture and the shares of the network's own constants (its biases) add up to 100 %. "
        + (result.Explained.Any(e => e.Relevance.Any(r => r < 0)) ? "Where the scale has two sides, red speaks for the class and blue against it." : "The faint grey picture underneath is only there for orientation.");

    private static Markup Card(string name, string? note, string answer, Explained e, HeatMap map)
    {
        Markup remark = note is null ? Markup.Empty : $"<p class=\"note\">{note}</p>";
        return $"""
            <article class="card"><h3>{name}</h3><p class="note">{answer}</p>{remark}
            <div class="row"><figure><img alt="{name}" src="{Png.Uri(map.PicturePng())}"></figure>
            <figure><img alt="Relevance of {name}" src="{Png.Uri(map.OverlayPng())}">{Scale.Inline(map)}</figure></div>
            <p class="note">{LedgerSection.Sum(e.Account)}</p></article>
            """;
    }
}
