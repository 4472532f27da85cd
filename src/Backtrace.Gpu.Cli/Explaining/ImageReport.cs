using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Heat maps for every picture of a run: PNG and SVG files and cards of the page.</summary>
internal sealed class ImageReport : Report
{
    /// <summary>A page with more pictures than this, or larger ones than have room, would take long to open; files are written for all.</summary>
    private const int Shown = 200;

    private readonly PageRoom room;
    private readonly ImageSamples samples;
    private readonly List<Markup> cards = [];
    private bool hasNegative;

    internal ImageReport(ImageSamples samples, ModelDescription model, ResultFolder folder, bool json, PageRoom? room = null)
        : base(samples, model, folder, json) => (this.samples, this.room) = (samples, room ?? new PageRoom());

    internal override Markup Finish(ExplainResult result)
    {
        Markup rest = result.Count > cards.Count ? $"<p class=\"note\">The first {cards.Count} of {result.CountOf("picture")}; the others are beside this page as PNG and SVG files.</p>" : Markup.Empty;
        int least = result.Explained[0].Mask is not null ? 1000 : result.IsContrastive ? 540 : 340;
        return $"""
            <section><h2>Which pixels decided</h2>
            <p>{ReadingHint(result)}</p>
            <div class="grid" style="--least:{least}px">{cards}</div>{rest}</section>
            """;
    }

    internal static Markup Figure(Panel panel, string name) => $"""
        <figure><img alt="{name}: {panel.Title}" src="{Png.Uri(panel.Png)}"><figcaption>{panel.Title}</figcaption>{(panel.Map is null ? Markup.Empty : Scale.Inline(panel.Map))}</figure>
        """;

    private protected override string[] Write(Explained e)
    {
        ImageInput image = samples.Image(e.Input);
        IReadOnlyList<Panel> panels = ImagePanels.Of(image, e);
        HeatMap map = panels[^1].Map!;
        string name = samples.Name(e.Input), stem = Folder.FreeStem(Words.FileStem(name) + e.Asked.Suffix, Count, ".png", ".svg"), answer = Answer(e);
        WholeFile.WriteBytes(Folder.Add(stem + ".png"), map.OverlayPng(map.FileZoom));
        WholeFile.WriteText(Folder.Add(stem + ".svg"), HeatMapFile.Svg(panels, (double)image.Height / image.Width, $"{name}: {answer}", Model.Title));
        hasNegative |= e.Relevance.Any(r => r < 0);
        if (Count < Shown && room.Takes(panels.Sum(panel => (long)panel.Png.Length)))
            cards.Add(Card(name, image.Note, answer, e, panels));
        return [stem + ".png", stem + ".svg"];
    }

    private string ReadingHint(ExplainResult result)
    {
        string subject = result.Explained[0].Mask is null ? "the decision" : "the decisions about all pixels of the mask";
        if (result.IsContrastive)
            return $"Orange pixels went into {subject}, blue ones into its alternatives, on one scale; each kind adds up to 100 %. The difference shows what tells the two apart: where it is pale, a pixel counts for both alike.";
        return $"The stronger a pixel, the larger its share of {subject}{result.Pull}. All shares of a picture and the shares of the network's own constants (its biases) add up to 100 %. "
            + (result.IsFaithful ? "" : hasNegative ? "Where the scale has two sides, orange speaks for the class and blue against it." : "The faint grey picture underneath is only there for orientation.");
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
}
