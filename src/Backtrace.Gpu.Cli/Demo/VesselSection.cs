using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>Blood vessels on a photograph of a retina by a U-Net.</summary>
internal static class VesselSection
{
    internal static Markup Write(string folder, Action<string> say, CancellationToken cancellation)
    {
        using DemoModel model = new("retina-unet", folder);
        ContrastPreprocessing preprocessing = (ContrastPreprocessing)model.Description.Preprocessing;
        using ImageSamples samples = new(ImageSource.Open([DemoData.Find(Path.Combine("retina", "retina.jpg"))], null, preprocessing.Read, null, firstOnly: false, (_, _, _) => { }, cancellation), isSegmentation: true);
        say($"{model.Description.Title}: {samples.Image(0).Width} x {samples.Image(0).Height} pixels");
        DemoRun run = model.ExplainOnce(samples, cancellation);
        IReadOnlyList<Panel> panels = ImagePanels.Of(samples.Image(0), run.Samples[0]);
        foreach (Panel panel in panels)
            File.WriteAllBytes(Path.Combine(folder, $"retina-{panel.Title.Replace(' ', '-')}.png"), panel.Png);
        return $"""
            <section id="vessels"><h2>A retina: what makes a vessel</h2>
            <p>A U-Net decides for each pixel of a photograph of the back of the eye whether it belongs to a blood vessel. The mask is its answer: {run.Result.Answer(0)}. The last picture explains all pixels of the mask at once: of the relevance that reached the photograph, {Numbers.Percent(InsideMask(run.Samples[0]))} lies on the vessels themselves.</p>
            {DemoParts.Facts(run, "photograph")}
            <article class="card wide"><div class="row fold" style="margin-top:0">{panels.Select(panel => ImageReport.Figure(panel, "Retina"))}</div></article>
            {LedgerSection.Table(run.Nodes)}</section>
            """;
    }

    private static double InsideMask(Explained e) => e.Relevance.Where((_, k) => e.Mask![k]).Sum(share => (double)share) / e.Account.Input;
}
