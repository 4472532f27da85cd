using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>What the sections about language models share.</summary>
internal static class GeneratedText
{
    /// <summary>Texts, continued by so many tokens.</summary>
    internal static PromptSamples Read(DemoModel model, IEnumerable<string> texts, int generate, CancellationToken cancellation)
    {
        PromptSamples samples = TextSource.ForLanguageModel([.. texts.Select((text, k) => new TextLine(text, null, k + 1))], model.Package, generate, null, null, firstOnly: false, (_, _, _) => { }, cancellation);
        samples.Prepare(samples.Count - 1);
        return samples;
    }

    /// <summary>The matrix of the one text of a run; also written as a file.</summary>
    internal static Markup Card(DemoRun run, PromptSamples samples, string file, string folder)
    {
        TokenMatrix matrix = TextReport.Matrix(run.Result, samples, [.. Enumerable.Range(0, samples.Count)]);
        string title = samples.Text(samples.Steps[0].Prompt);
        File.WriteAllText(Path.Combine(folder, file), matrix.File(title, run.Description.Title));
        return $"""<article class="card wide"><h3>{title}</h3>{matrix.Inline(title)}<p class="note">{TextReport.MatrixHint(false)}</p></article>""";
    }
}
