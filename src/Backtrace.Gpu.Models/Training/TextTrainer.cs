using System.Diagnostics;
using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Models.Training;

/// <summary>
/// Trains an LSTM, or a BERT and its kin, to classify texts. Same texts, options and machine: same bits. Uses torch's global random generator, so nothing
/// else may draw from it at the same time.
/// </summary>
public static class TextTrainer
{
    // A fixed number, so that the bits do not depend on how many cores there are.
    private const int Threads = 1;

    /// <summary>Trains on one table; another one chooses the pass whose weights are kept.</summary>
    /// <param name="train">Texts to train with.</param>
    /// <param name="dev">Texts that choose the pass.</param>
    /// <param name="test">Texts that are measured once, at the end; null for none.</param>
    /// <param name="start">A BERT, DistilBERT or RoBERTa, whose vocabulary and word embeddings are the start; for one of the same kind, all its weights are.</param>
    /// <param name="options">What may vary.</param>
    /// <param name="progress">Told after every pass.</param>
    /// <param name="cancellationToken">Checked before every step.</param>
    /// <exception cref="InvalidInputException">Fewer than two classes, or a class that does not occur in the training texts.</exception>
    /// <exception cref="ModelException"><paramref name="start"/> is none of these, or its vocabulary does not serve the network.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static TextTrainingResult Train(
        TextTable train, TextTable dev, TextTable? test, ModelPackage start, TextTrainingOptions options,
        IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        Stopwatch clock = Stopwatch.StartNew();
        string[] labels = [.. train.Labels.Distinct().Order(StringComparer.Ordinal)];
        if (labels.Length < 2)
            throw new InvalidInputException(train.Path, "has only one class");
        TextStart from = new(start);
        TextCoding coding = from.Coding(train.Texts, options);
        EncodedTexts trainTexts = new(train, coding, labels), devTexts = new(dev, coding, labels);
        EncodedTexts? testTexts = test is null ? null : new(test, coding, labels);

        // One thread: networks this small gain little from more, and the bits do not depend on the number of cores.
        using ThreadCount single = new(1);
        random.manual_seed((long)options.Seed);
        (TextClassifier network, Architecture architecture) = options.Network == TextNetwork.Bert
            ? from.CreateSame(coding, labels.Length, options)
            : from.CreateLstm(coding, labels.Length, options);
        try
        {
            int best = new TrainingLoop(options, cancellationToken)
                .Run(network, trainTexts.Count, rows => trainTexts.Loss(network, rows), () => devTexts.Score(network), progress);
            Round(network, options.Precision);
            Dictionary<string, double> metrics = new() { ["dev accuracy"] = Math.Round(devTexts.Accuracy(network), 4) };
            if (testTexts is not null)
                metrics["test accuracy"] = Math.Round(testTexts.Accuracy(network), 4);
            string data = Path.GetFileName(train.Path);
            ModelDescription description = new($"{(options.Network == TextNetwork.Bert ? from.Name : "LSTM")} on {data}", architecture, coding.Settings, ClassNames(labels, from.Classes))
            {
                Training = new TrainingRecord(data, trainTexts.Count, options.Seed, options.Epochs, best, Split(dev, test)),
                Metrics = metrics,
            };
            return new TextTrainingResult(network, description, options.Precision, clock.Elapsed) { SaveTokenizer = coding.Save };
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    // Labels that are mere numbers mean the classes of the start, if there are as many.
    private static IReadOnlyList<string> ClassNames(string[] labels, IReadOnlyList<string> known) =>
        labels.Length == known.Count && labels.Select((label, i) => label == i.ToString(CultureInfo.InvariantCulture)).All(same => same) ? known : labels;

    private static string Split(TextTable dev, TextTable? test) =>
        $"{Path.GetFileName(dev.Path)} chooses the pass" + (test is null ? "" : $", {Path.GetFileName(test.Path)} is measured once");

    private static void Round(nn.Module network, ScalarType precision)
    {
        using IDisposable quiet = no_grad();
        foreach (Tensor parameter in network.parameters())
        {
            using Tensor rounded = parameter.to_type(precision);
            parameter.copy_(rounded);
        }
    }
}
