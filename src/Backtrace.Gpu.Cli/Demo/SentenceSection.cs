using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>Sentences about films by a small BERT, in both modes, and by an LSTM.</summary>
internal static class SentenceSection
{
    private const string Model = "bert-tiny-sst2";
    private const int Read = 24, Longest = 110, Right = 3, Wrong = 2;

    internal static Markup Write(string folder, Action<string> say, CancellationToken cancellation)
    {
        using DemoModel model = new(Model, folder);
        string[][] rows = [.. File.ReadLines(DemoData.Find(Path.Combine("sst2", "glue_dev.tsv"))).Skip(1).Select(line => line.Split('\t')).Where(row => row[0].Length <= Longest).Take(Read)];
        using TextSamples samples = Cut(model, rows);
        say($"{model.Description.Title}: {Counted.Of(samples.Count, "sentence")}");
        DemoRun run = model.Explain(samples, cancellation);
        int[] labels = [.. rows.Select(row => int.Parse(row[1], System.Globalization.CultureInfo.InvariantCulture))];
        int[] shown = [.. Select(run, labels)];

        string contrastiveFolder = Directory.CreateDirectory(Path.Combine(folder, "contrastive")).FullName;
        using DemoModel contrastive = new(Model, contrastiveFolder, new BacktracerOptions { Mode = Mode.Contrastive });
        using TextSamples few = Cut(contrastive, [.. shown.Select(n => rows[n])]);
        IReadOnlyList<Explained> both = contrastive.ExplainOnce(few, cancellation).Samples;

        using DemoModel recurrent = new("lstm-sst2", folder);
        using TextSamples same = Cut(recurrent, [.. shown.Select(n => rows[n])]);
        say($"{recurrent.Description.Title}: {Counted.Of(same.Count, "sentence")}");
        DemoRun second = recurrent.Explain(same, cancellation);
        return $"""
            <section id="sentences"><h2>Sentences: which words decide</h2>
            <p>A small BERT and an LSTM judge whether a sentence about a film is praise or blame. Each line shows what the judgement was made from: the stronger the ground of a word, the larger its share. For the BERT, a second line takes sides: orange words support the judgement more than its opposite, blue ones the opposite. Words that a network does not know as a whole stand in pieces.</p>
            <p class="note">The BERT is a hybrid and not a published checkpoint: encoder, pooler and classifier are published, its word embeddings were trained separately. It is right for {Numbers.Percent(Accuracy(run, labels))} of these {rows.Length} sentences. [CLS] and [SEP] stand around every sentence; the judgement is read off at [CLS]. The network's embeddings of positions are constants, which receive a large part.</p>
            {DemoParts.Facts(run, "sentence")}{DemoParts.Facts(second, "sentence")}
            <div class="grid" style="--least:480px">{shown.Select((n, k) => Card(labels[n], run.Description.Classes, [("BERT", samples.Pieces(n), run.Samples[n], both[k]), ("LSTM", same.Pieces(k), second.Samples[k], null)]))}</div>
            {LedgerSection.Table(run.Nodes)}</section>
            """;
    }

    private static TextSamples Cut(DemoModel model, string[][] rows) => TextSource.ForClassifier(
        [.. rows.Select((row, k) => new TextLine(row[0], null, k + 1))], model.Package.Tokenizer!, ((TextPreprocessing)model.Description.Preprocessing).MaximumLength, null);

    /// <summary>The surest right answers of each class, then the surest mistakes.</summary>
    private static IEnumerable<int> Select(DemoRun run, int[] labels)
    {
        int[] order = [.. Enumerable.Range(0, labels.Length).OrderByDescending(n => run.Samples[n].Predicted.Probability)];
        return order.Where(n => labels[n] == 1 && run.Samples[n].Predicted.Index == 1).Take(Right)
            .Concat(order.Where(n => labels[n] == 0 && run.Samples[n].Predicted.Index == 0).Take(Right))
            .Concat(order.Where(n => labels[n] != run.Samples[n].Predicted.Index).Take(Wrong));
    }

    private static double Accuracy(DemoRun run, int[] labels) => labels.Index().Average(label => run.Samples[label.Index].Predicted.Index == label.Item ? 1.0 : 0);

    private static Markup Card(int label, IReadOnlyList<string> classes, (string Name, IReadOnlyList<Piece> Pieces, Explained Default, Explained? Contrastive)[] networks) => $"""
        <article class="card">{networks.Select(network => (Markup)$"""
        <h3 class="network">{network.Name}: {Words.Answer(network.Default, k => classes[k])}{TableReport.Verdict(label == network.Default.Predicted.Index, classes[label])}</h3>
        {TokenLine.Inline(network.Pieces, network.Default.Relevance)}{(network.Contrastive is { } both ? TokenLine.Inline(network.Pieces, both.Relevance, both.Opposing!.Relevance) : Markup.Empty)}
        """)}</article>
        """;
}
