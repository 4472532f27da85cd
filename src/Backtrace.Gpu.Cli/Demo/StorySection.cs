using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>A story that a tiny Llama tells: the next token of some beginnings, and a matrix of a whole sentence.</summary>
internal static class StorySection
{
    private const int Generated = 18;
    private static readonly string[] Beginnings = ["The dog was very", "Tom and his mom went to the", "She opened the box and saw a"];

    internal static Markup Write(string folder, Action<string> say, CancellationToken cancellation)
    {
        using DemoModel model = new("stories260k", folder), other = new("stories260k", Directory.CreateDirectory(Path.Combine(folder, "next")).FullName);
        using PromptSamples next = GeneratedText.Read(other, Beginnings, 0, cancellation), story = GeneratedText.Read(model, ["Once upon a time, there was a"], Generated, cancellation);
        say($"{model.Description.Title}: {next.Count} next tokens, {story.Count} generated ones");
        DemoRun nextRun = other.ExplainOnce(next, cancellation), run = model.Explain(story, cancellation);
        return $"""
            <section id="stories"><h2>Stories: which words a language model looks back at</h2>
            <p>A Llama with 260 thousand weights, trained on children's stories, continues a text token by token; the token is often only a part of a word. Each new token can be explained by all that stand before it. A row of the matrix is one generated token.</p>
            {DemoParts.Facts(run, "generated token")}
            {GeneratedText.Card(run, story, "stories-matrix.svg", folder)}
            <h3 style="margin-top:34px">The next token of other beginnings</h3>
            <div class="grid" style="--least:340px">{Enumerable.Range(0, next.Count).Select(n => TextReport.Card(nextRun.Result, next, n))}</div>
            {LedgerSection.Table(run.Nodes)}</section>
            """;
    }
}
