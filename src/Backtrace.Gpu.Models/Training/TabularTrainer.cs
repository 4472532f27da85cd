using System.Diagnostics;

namespace Backtrace.Gpu.Models.Training;

/// <summary>
/// Trains an MLP to tell two classes of a table apart. Same table, options and machine: same bits. Uses torch's global random generator, so nothing
/// else may draw from it at the same time.
/// </summary>
public static class TabularTrainer
{
    // The linear baseline needs larger steps to converge in the same number of passes; it would look worse than it is with the network's.
    private const double LogisticLearningRate = 3e-3;

    /// <summary>Splits, derives the preprocessing from the training rows only, trains, and measures once on the test rows.</summary>
    /// <param name="table">Rows with a target column of two classes; the rarer one is class 1.</param>
    /// <param name="target">Name of the target column.</param>
    /// <param name="options">What may vary.</param>
    /// <param name="progress">Told after every pass of the network.</param>
    /// <param name="cancellationToken">Checked before every pass.</param>
    /// <exception cref="InvalidInputException">No such column, not two classes, too few rows, or a cell that cannot be encoded.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static TabularTrainingResult Train(
        CsvTable table, string target, TabularTrainingOptions options, IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        Stopwatch clock = Stopwatch.StartNew();
        IReadOnlyList<string> classes = TabularSchema.Classes(table, target);
        int[] labels = TabularPreprocessing.ReadLabels(table, target, classes);
        StratifiedSplit split = StratifiedSplit.Create(labels, options.Seed);
        if (new[] { split.Train, split.Validation, split.Test }.Any(part => part.Select(row => labels[row]).Distinct().Count() < 2))
            throw new InvalidInputException(table.Path, "has too few rows of a class to train, validate and test with");
        TabularPreprocessing preprocessing = TabularSchema.Derive(table, split.Train, target, classes, options.Words);
        using TabularInput train = preprocessing.Encode(table.Take(split.Train));
        using TabularInput validation = preprocessing.Encode(table.Take(split.Validation));
        using TabularInput test = preprocessing.Encode(table.Take(split.Test));

        // One thread: layers this small gain nothing from more, and the bits do not depend on the number of cores.
        using ThreadCount single = new(1);
        (Mlp logistic, _) = new TabularFit(train, validation, options with { LearningRate = LogisticLearningRate, Dropout = 0 }, cancellationToken)
            .Run([preprocessing.Width, 2], null);
        using (logistic)
        {
            int[] sizes = [preprocessing.Width, .. options.Hidden, 2];
            (Mlp network, int bestEpoch) = new TabularFit(train, validation, options, cancellationToken).Run(sizes, progress);
            BinaryMetrics figures = TabularFit.Measure(network, test), baseline = TabularFit.Measure(logistic, test);
            ModelDescription description = Describe(table, sizes, preprocessing, options, bestEpoch, figures, baseline);
            return new TabularTrainingResult(network, description, figures, baseline, clock.Elapsed);
        }
    }

    private static ModelDescription Describe(
        CsvTable table, int[] sizes, TabularPreprocessing preprocessing, TabularTrainingOptions options, int bestEpoch, BinaryMetrics test, BinaryMetrics logistic)
    {
        string file = Path.GetFileName(table.Path);
        string[] layers = [.. Enumerable.Range(1, sizes.Length - 1).Select(i => $"fc{i}")];
        return new ModelDescription($"{layers.Length}-layer MLP on {file}", new MlpArchitecture(sizes, layers), preprocessing, preprocessing.Classes)
        {
            Training = new TrainingRecord(file, table.Rows.Count, options.Seed, options.Epochs, bestEpoch, StratifiedSplit.Rule),
            Metrics = new Dictionary<string, double>
            {
                ["test accuracy"] = Math.Round(test.Accuracy, 4),
                ["test balanced accuracy"] = Math.Round(test.BalancedAccuracy, 4),
                ["test auc"] = Math.Round(test.Auc, 4),
                ["logistic regression test auc"] = Math.Round(logistic.Auc, 4),
            },
        };
    }
}
