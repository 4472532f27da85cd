using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Models.Training;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>Loans by the tabular MLP: four rows of the test set, and all of them on average.</summary>
internal static class LoanSection
{
    private const int Bars = 10;

    internal static Markup Write(string folder, Action<string> say, CancellationToken cancellation)
    {
        using DemoModel model = new("lending-mlp", folder);
        TabularPreprocessing preprocessing = (TabularPreprocessing)model.Description.Preprocessing;
        using TabularInput table = preprocessing.Read(DemoData.Find(Path.Combine("lending_club", "lending_club.csv")));
        // The rows that training never saw, recovered from the seed in model.json.
        using ChosenRows samples = new(preprocessing.EncodeRows(table.Table, StratifiedSplit.Create(table.Labels!, model.Description.Training!.Seed).Test), preprocessing);
        say($"{model.Description.Title}: {Counted.Of(samples.Count, "loan")} of the test set");
        DemoRun run = model.Explain(samples, cancellation);
        float[][] shares = [.. run.Samples.Select(e => preprocessing.SumPerColumn(e.Relevance))];
        IEnumerable<Markup> cards = Select(run, samples).Select(n => Card(n, run, samples, shares[n]));
        IReadOnlyList<Bar> average = Bar.Rank(preprocessing.Columns.Select((column, k) => new Bar(LoanWords.Name(column), shares.Average(row => row[k]))), preprocessing.Columns.Count);
        File.WriteAllText(Path.Combine(folder, "loans-average.svg"), BarChart.File(average, $"{Counted.Of(samples.Count, "loan")} on average", model.Description.Title));
        return $"""
            <section id="loans"><h2>Loans: which facts weighed</h2>
            <p>A network of four layers judges whether a loan will be paid back. The bars divide its judgement of one loan among the facts it was given: the longer, the larger the fact's share of the decision. A fact with many possible words, such as the state, is one bar. A number that is exactly average says nothing about this loan and gets a short bar.</p>
            <p class="note">A bar says how much a fact weighed, not in which direction it pulled: one account overdue can weigh heavily in a loan that is judged good for other reasons. None of these loans was seen in training. Only {Numbers.Percent((double)table.Labels!.Count(label => label == 1) / table.Labels!.Count)} of all loans went bad, so training weighted them up: the percentages are scores for a decision, not default rates.</p>
            {DemoParts.Facts(run, "loan")}
            <div class="grid" style="--least:440px">{cards}</div>
            <h3 style="margin-top:34px">All {Counted.Of(samples.Count, "loan")} of the test set</h3>
            <div class="grid" style="--least:440px">
            <article class="card"><h3>What counts on average</h3><p class="note">Mean share of each fact; the network's own constants (biases) hold the remaining {Numbers.Percent(run.Mean.Bias)}.</p>{BarChart.Inline(average, "Average share of each fact")}</article>
            <article class="card"><h3>What counts more when it says &#8220;bad&#8221;</h3><p class="note">Mean share in the loans judged bad minus mean share in those judged good, in percentage points. Blue: counts more when it says &#8220;good&#8221;.</p>{BarChart.Inline(Difference(run, preprocessing, shares), "Difference between answers")}</article>
            </div>
            {LedgerSection.Table(run.Nodes)}</section>
            """;
    }

    private static IReadOnlyList<Bar> Difference(DemoRun run, TabularPreprocessing preprocessing, float[][] shares)
    {
        ILookup<bool, float[]> byAnswer = run.Samples.Zip(shares).ToLookup(pair => pair.First.Predicted.Index == 1, pair => pair.Second);
        double Mean(bool bad, int k) => byAnswer[bad].Select(row => (double)row[k]).DefaultIfEmpty().Average();
        return [.. preprocessing.Columns.Select((column, k) => new Bar(LoanWords.Name(column), Mean(true, k) - Mean(false, k))).OrderByDescending(bar => bar.Value)];
    }

    /// <summary>The surest answer of each kind: good and bad, right and wrong.</summary>
    private static IEnumerable<int> Select(DemoRun run, ChosenRows samples)
    {
        foreach ((int truth, int answer) in new[] { (0, 0), (1, 1), (0, 1), (1, 0) })
        {
            int[] found = [.. Enumerable.Range(0, samples.Count).Where(n => samples.Label(n) == truth && run.Samples[n].Predicted.Index == answer)];
            if (found.Length > 0)
                yield return found.MaxBy(n => run.Samples[n].Scores[answer].Probability);
        }
    }

    private static Markup Card(int n, DemoRun run, ChosenRows samples, float[] shares)
    {
        Explained e = run.Samples[n];
        IReadOnlyList<string> cells = samples.Cells(n), classes = run.Description.Classes;
        IReadOnlyList<Bar> bars = Bar.Rank(
            samples.Preprocessing.Columns.Select((column, k) => new Bar(LoanWords.Name(column), shares[k], LoanWords.Cell(column, cells[k]))).Append(new Bar("the network's own constants", e.Account.Bias)), Bars + 1);
        return $"""
            <article class="card"><h3>Loan {samples.Row(n)}: judged {classes[e.Predicted.Index]}, {Words.Share(e.Predicted)}{TableReport.Verdict(samples.Label(n) == e.Predicted.Index, classes[samples.Label(n)!.Value])}</h3>
            {BarChart.Inline(bars, $"Shares of loan {samples.Row(n)}")}</article>
            """;
    }
}
