using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>Handwritten digits by an MLP.</summary>
internal static class DigitSection
{
    private const int Shown = 12;

    internal static Markup Write(string folder, Action<string> say, CancellationToken cancellation)
    {
        string[] paths = DemoData.Pictures("mnist");
        int[] labels = [.. paths.Select(DemoData.Label)];
        using DemoModel model = new("mnist-mlp", folder);
        using ImageSamples samples = new(ImageSource.Open(paths, null, ((ImagePreprocessing)model.Description.Preprocessing).Read, null, firstOnly: false, (_, _, _) => { }, cancellation));
        say($"{model.Description.Title}: {Counted.Of(samples.Count, "digit")}");
        DemoRun run = model.Explain(samples, cancellation);

        int[] all = [.. Enumerable.Range(0, samples.Count)];
        IEnumerable<int> shown = all.Where(n => run.Samples[n].Predicted.Index != labels[n]).Concat(all.DistinctBy(n => labels[n])).Concat(all).Distinct().Take(Shown);
        return $"""
            <section id="digits"><h2>Digits: which strokes count</h2>
            <p>A small network of three layers reads handwritten digits. Black background contributes nothing, so it receives nothing; along the stroke, the bright parts carried most of the decision. Names in <span class="yes">green</span> are right, in <span class="no">red</span> wrong.</p>
            {DemoParts.Facts(run, "digit")}
            <div class="grid" style="--least:240px">{shown.OrderBy(n => labels[n]).Select(n => Card(samples.Image(n), labels[n], run.Samples[n], model, folder))}</div>
            {LedgerSection.Table(run.Nodes)}</section>
            """;
    }

    private static Markup Card(ImageInput image, int label, Explained e, DemoModel model, string folder)
    {
        IReadOnlyList<string> classes = model.Description.Classes;
        HeatMap map = new(e.Relevance, image.Rgb.Span, image.Width, image.Height);
        string file = $"{Path.GetFileNameWithoutExtension(image.Path)}-{model.Name}.png";
        return $"""
            <article class="card"><div class="row" style="margin-top:0">{DemoParts.Figure(map.PicturePng(), classes[label], $"<figcaption><b>A {classes[label]}</b></figcaption>")}{DemoParts.Map(map, file, folder, "Read as", DemoParts.Answer(e, label, classes))}</div></article>
            """;
    }
}
