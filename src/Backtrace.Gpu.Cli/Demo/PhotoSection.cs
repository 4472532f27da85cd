using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>CIFAR-10 photos by two residual networks, side by side.</summary>
internal static class PhotoSection
{
    private const int Shown = 12;

    internal static Markup Write(string folder, Action<string> say, CancellationToken cancellation)
    {
        string[] paths = DemoData.Pictures("cifar10");
        int[] labels = [.. paths.Select(DemoData.Label)];
        using DemoModel small = new("resnet20", folder), large = new("resnet56", folder);
        using ImageSamples samples = new(ImageSource.Open(paths, null, ((ImagePreprocessing)small.Description.Preprocessing).Read, null, firstOnly: false, (_, _, _) => { }, cancellation));
        say($"{small.Description.Title}: {Counted.Of(samples.Count, "photo")}");
        DemoRun first = small.Explain(samples, cancellation);
        say($"{large.Description.Title}: {Counted.Of(samples.Count, "photo")}");
        DemoRun second = large.Explain(samples, cancellation);

        IReadOnlyList<string> classes = small.Description.Classes;
        List<Markup> cards = [];
        int[] shown = [.. Select(labels, first, second)];
        for (int n = 0; n < samples.Count; n++)
        {
            Markup card = Card(samples.Image(n), labels[n], classes, [("ResNet-20", small.Name, first.Samples[n]), ("ResNet-56", large.Name, second.Samples[n])], folder);
            if (shown.Contains(n))
                cards.Add(card);
        }

        return $"""
            <section id="photos"><h2>Photos: where two networks look</h2>
            <p>Two residual networks name what is on a photo of 32 by 32 pixels. Each map shows how the network's answer divides among the pixels: the brighter, the larger the pixel's share of the decision. The scale says how much of the whole decision one pixel carries; an even spread would be {Numbers.Percent(1.0 / 1024)} each. The faint grey photo underneath is for orientation.</p>
            <p class="note">Names in <span class="yes">green</span> are right, in <span class="no">red</span> wrong. Shares say how much a pixel mattered, not whether it spoke for or against the answer.</p>
            {DemoParts.Facts(first, "photo")}{DemoParts.Facts(second, "photo")}
            <div class="grid" style="--least:440px">{cards}</div>
            {LedgerSection.Table(first.Nodes)}</section>
            """;
    }

    /// <summary>Mistakes first in line for a place, then one photo of each class, then whatever comes; shown in file order.</summary>
    private static IEnumerable<int> Select(int[] labels, DemoRun first, DemoRun second)
    {
        int[] all = [.. Enumerable.Range(0, labels.Length)];
        bool IsMistake(int n) => first.Samples[n].Predicted.Index != labels[n] || second.Samples[n].Predicted.Index != labels[n];
        return all.Where(IsMistake).Concat(all.DistinctBy(n => labels[n])).Concat(all).Distinct().Take(Shown).Order();
    }

    private static Markup Card(ImageInput image, int label, IReadOnlyList<string> classes, (string Title, string File, Explained Explained)[] networks, string folder)
    {
        string stem = Path.GetFileNameWithoutExtension(image.Path);
        Markup[] maps = [.. networks.Select(network =>
        {
            HeatMap map = new(network.Explained.Relevance, image.Rgb.Span, image.Width, image.Height);
            return DemoParts.Map(map, $"{stem}-{network.File}.png", folder, network.Title, DemoParts.Answer(network.Explained, label, classes));
        })];
        HeatMap picture = new([], image.Rgb.Span, image.Width, image.Height);
        return $"""<article class="card"><h3>{classes[label]}</h3><div class="row">{DemoParts.Figure(picture.PicturePng(), classes[label], Markup.Empty)}{maps}</div></article>""";
    }
}
