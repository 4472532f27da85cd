using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>Handwritten digits by an MLP; mistakes are explained twice.</summary>
internal static class DigitSection
{
    internal static Markup Write(string folder, Action<string> say, CancellationToken cancellation)
    {
        string[] paths = DemoData.Pictures("mnist");
        int[] labels = [.. paths.Select(DemoData.Label)];
        using DemoModel model = new("mnist-mlp", folder);
        using ImageSamples samples = new(ImageSource.Read(paths, (ImagePreprocessing)model.Description.Preprocessing, null, cancellation));
        say($"{model.Description.Title}: {samples.Count} digits");
        DemoRun run = model.Explain(samples, cancellation);

        int[] all = [.. Enumerable.Range(0, samples.Count)];
        int[] wrong = [.. all.Where(n => run.Samples[n].Predicted != labels[n])];
        IEnumerable<Markup> right = all.Except(wrong).DistinctBy(n => labels[n]).OrderBy(n => labels[n])
            .Select(n => Card(samples.Images[n], labels[n], [run.Samples[n]], model, folder));
        IEnumerable<Markup> mistakes = wrong.Select(n =>
        {
            using Tensor input = samples.Batch(n, 1);
            Explained truth = model.Explain(input, new TargetChoice(labels[n]), cancellation);
            return Card(samples.Images[n], labels[n], [run.Samples[n], truth], model, folder);
        });
        Markup mistaken = wrong.Length == 0 ? Markup.Empty : $"""
            <h3 style="margin-top:26px">A mistake, asked twice</h3>
            <p class="note">The left map divides the network's own answer among the pixels, the right one the answer that would have been right.</p>
            <div class="grid">{mistakes}</div>
            """;
        return $"""
            <section id="digits"><h2>Digits: which strokes count</h2>
            <p>A small network of three layers reads handwritten digits. Black background contributes nothing, so it receives nothing; along the stroke, the bright parts carried most of the decision.</p>
            {DemoParts.Facts(run, "digits")}
            <div class="grid" style="--least:240px">{right}</div>{mistaken}
            {LedgerSection.Table(run.Nodes)}</section>
            """;
    }

    private static Markup Card(ImageInput image, int label, Explained[] answers, DemoModel model, string folder)
    {
        string stem = Path.GetFileNameWithoutExtension(image.Path);
        IReadOnlyList<string> classes = model.Description.Classes;
        Markup[] maps = [.. answers.Select(e =>
        {
            HeatMap map = new(e.Relevance, image.Rgb.Span, image.Width, image.Height);
            Markup answer = e.Target == e.Predicted ? DemoParts.Answer(e, label, classes) : $"{Numbers.Percent(e.Probabilities[e.Target])}";
            return DemoParts.Map(map, $"{stem}-{model.Name}-{e.Target}.png", folder, $"Why {classes[e.Target]}?", answer);
        })];
        HeatMap picture = new([], image.Rgb.Span, image.Width, image.Height);
        return $"""<article class="card"><div class="row" style="margin-top:0">{DemoParts.Figure(picture.PicturePng(), classes[label], $"<figcaption><b>A {classes[label]}</b></figcaption>")}{maps}</div></article>""";
    }
}
