using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>The page of an experiment: for each model the summary, curves, spreads and examples.</summary>
internal static class EvaluatePage
{
    internal static string Text(Trial trial, EvaluateRequest request, IReadOnlyList<ModelReport> reports) =>
        Page.Text(trial.Title, Lead(trial), Markup.Join(reports.Select((report, k) => Section(report, request, k))), Foot(request));

    private static Markup Lead(Trial trial) => $"""
        <p class="lead">Which explanation method says best what {trial.Subject}?</p>
        <p>Every method explains the same inputs of the same model on the same machine, with its documented defaults. An explanation is faithful when taking away what it calls important changes the answer soon (MoRF), and taking away what it calls unimportant does not (LeRF). The dashed line in every plot is a method that draws its numbers at random.</p>
        """;

    private static Markup Section(ModelReport report, EvaluateRequest request, int number) => $"""
        <section id="{report.Model}"><h2>{report.Title}</h2>
        <ul class="facts"><li><b>{report.Result.Subjects}</b>{report.Inputs}</li><li><b>{report.Result.Methods.Count}</b>{Counted.Noun(report.Result.Methods.Count, "method")}</li><li><b>{request.Seed}</b>seed</li></ul>
        <p class="note">The explained answer is the one that the model finds most likely. A feature that is taken away is replaced by {report.Absent}. Means with 95 % bootstrap intervals over the inputs; the best method of each column is bold, and {EvaluateText.Random} takes no part in that. Time: median of one explanation of one input; memory: rise of the process's resident set while the first input is explained.{(request.IsQuick ? " This is a quick run: few inputs and small budgets." : "")}</p>
        {report.Notes.Select(note => (Markup)$"""<p class="note">{note}</p>""")}
        {SummaryTable.Of(report.Result)}
        {report.Result.LeftOut.Select(pair => (Markup)$"""<p class="note">Left out: {pair.Key}: {pair.Value}</p>""")}
        {CurveSection.Of(report.Result)}
        {Spreads(report.Result)}
        {Examples(report, number == 0)}
        </section>
        """;

    private static Markup Spreads(ExperimentResult result) => $"""
        <h3 class="part">How much inputs differ</h3>
        <p class="note">Box: the middle half of the inputs, with the median; whiskers: 5 to 95 %; dot: the mean.</p>
        <div class="grid" style="--least:460px">{result.Columns.Select((column, k) => Spread(column.Name, result, outcome => outcome.Values[k]))}{Spread("Milliseconds per explanation, log10", result, outcome => Math.Log10(1e3 * outcome.Seconds))}</div>
        """;

    private static Markup Spread(string title, ExperimentResult result, Func<Outcome, double> number)
    {
        ILookup<string, Outcome> byMethod = result.Outcomes.ToLookup(outcome => outcome.Method);
        return $"""<article class="card"><h3>{title}</h3>{BoxPlot.Inline([.. result.Methods.Select(method => (method, byMethod[method].Select(number).ToArray()))], title, EvaluateText.Random)}</article>""";
    }

    private static Markup Examples(ModelReport report, bool open) => $"""
        <details{(open ? " open" : "")}><summary>Examples: the first {(report.Examples.Count == 1 ? "input" : Counted.Of(report.Examples.Count, "input"))}, explained by the methods of this run</summary>
        {report.Examples.Select(example => (Markup)$"""<div class="example">{example}</div>""")}</details>
        """;

    private static Markup Foot(EvaluateRequest request) => $"""
        Written by <code>backtrace evaluate</code>, seed {request.Seed}. All numbers: results.csv and results.parquet beside this page. {(request.Data is null && request.Models.Count == 0 ? (Markup)$"Networks, data and licences: <code>tests/assets/README.md</code>." : Markup.Empty)}
        """;
}
