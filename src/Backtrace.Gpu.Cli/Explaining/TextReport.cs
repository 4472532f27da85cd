using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Texts with highlighted tokens, and a matrix for each text that a language model continued.</summary>
internal static class TextReport
{
    // A page with more texts or tokens than this would take long to open. So would a matrix of more cells.
    private const int Shown = 200, ShownTokens = 50_000, ShownCells = 25_000;

    /// <summary>Writes the files and returns the page's contents; <paramref name="files"/> receives the names of each input's files.</summary>
    internal static Markup Write(ExplainResult result, ResultFolder folder, List<string[]> files, CancellationToken cancellation)
    {
        TokenSamples samples = (TokenSamples)result.Samples;
        List<Markup> matrices = [];
        int written = 0, cells = 0;
        if (samples is PromptSamples { HasGenerated: true } prompts)
        {
            foreach (int[] steps in ByPrompt(prompts))
            {
                cancellation.ThrowIfCancellationRequested();
                Prompt prompt = prompts.Steps[steps[0]].Prompt;
                string file = $"matrix-{++written}.svg", title = prompts.Text(prompt);
                int rows = Fitting(steps.Select(n => result.Explained[n].Relevance.Length), ShownCells);
                TokenMatrix matrix = Matrix(result, prompts, steps[..rows]);
                WholeFile.WriteText(folder.Add(file), matrix.File(title, result.Model.Title));
                files.AddRange(steps.Select(_ => new[] { file }));
                cells += steps.Take(rows).Sum(n => result.Explained[n].Relevance.Length);
                if (matrices.Count > 0 && cells > ShownCells)
                    continue;
                Markup others = rows < steps.Length ? $"<p class=\"note\">The first {rows} of {Counted.Of(steps.Length, "generated token")}; the safetensors files have all.</p>" : Markup.Empty;
                matrices.Add($"""<article class="card wide"><h3>{title}</h3>{matrix.Inline(title)}{others}</article>""");
            }
        }
        else
        {
            files.AddRange(result.Explained.Select(_ => Array.Empty<string>()));
        }

        int shown = Fitting(result.Explained.Take(Shown).Select(e => e.Relevance.Length), ShownTokens);
        IEnumerable<Markup> cards = Enumerable.Range(0, shown).Select(n => Card(result, samples, n));
        Markup rest = result.Count > shown ? $"<p class=\"note\">The first {shown} of {Numbers.Count(result.Count)}; the safetensors files have all.</p>" : Markup.Empty;
        Markup table = matrices.Count > 0 ? (Markup)$"""<section><h2>Which tokens each token was made from</h2><p>{MatrixHint(result.IsContrastive)}</p>{matrices}{(written > matrices.Count ? (Markup)$"<p class=\"note\">The first {matrices.Count} of {Counted.Of(written, "text")}; the others are beside this page, up to <a href=\"matrix-{written}.svg\">matrix-{written}.svg</a>.</p>" : Markup.Empty)}</section>""" : Markup.Empty;
        return $"""
            {table}
            <section><h2>Which tokens decided</h2>
            <p>{Hint(result)}</p>
            <div class="grid" style="--least:480px">{cards}</div>{rest}</section>
            """;
    }

    /// <summary>How to read a matrix.</summary>
    internal static string MatrixHint(bool contrastive) => "A row for each generated token: the stronger a cell, the more that token counts for it. "
        + (contrastive ? "Orange supports the token, blue its alternatives." : "What a row lacks to 100 % went to the network's own constants.");

    /// <summary>The explained tokens of each prompt.</summary>
    internal static IEnumerable<int[]> ByPrompt(PromptSamples samples) => Enumerable.Range(0, samples.Count).GroupBy(n => samples.Steps[n].Prompt).Select(group => group.ToArray());

    /// <summary>The matrix of one prompt.</summary>
    internal static TokenMatrix Matrix(ExplainResult result, PromptSamples samples, int[] steps) => new(
        [.. steps.Select(n => samples.PieceOf(result.Explained[n].Target.Index))],
        samples.Pieces(steps[^1]),
        // A pass may read beyond a token; what stands behind it gets nothing.
        [.. steps.Select(n => result.Explained[n].Difference[..(samples.Steps[n].Position + 1)])]);

    // How many of them there is room for; one in any case.
    private static int Fitting(IEnumerable<int> sizes, int room) => Math.Max(1, sizes.TakeWhile(size => (room -= size) >= 0).Count());

    private static string Hint(ExplainResult result) => result.IsContrastive
        ? "Orange tokens support the answer more than its alternatives, blue ones support the alternatives more. Point at a token for both numbers, which are shares of 100 % each."
        : $"The stronger a token's ground, the larger its share of the answer{result.Pull}. Point at a token for the number. The shares of all tokens and of the network's own constants (its biases, its position embeddings) add up to 100 %.";

    /// <summary>One text with its answer.</summary>
    internal static Markup Card(ExplainResult result, TokenSamples samples, int n)
    {
        Explained e = result.Explained[n];
        Markup next = samples is PromptSamples prompts ? Next(prompts.PieceOf(e.Target.Index)) : Markup.Empty;
        return $"""
            <article class="card"><h3>{result.Answer(n)}</h3><p class="note">{samples.Name(e.Input)}</p>{TokenLine.Inline(samples.Pieces(e.Input), e.Relevance, e.Opposing?.Relevance, next)}{LedgerSection.Lines(e)}</article>
            """;
    }

    private static Markup Next(Piece piece) => $"""{(piece.Space ? " " : "")}<span class="next" title="the explained token">{piece.Text}</span>""";
}
