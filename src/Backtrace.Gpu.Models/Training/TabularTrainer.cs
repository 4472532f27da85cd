using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Models.Training;

/// <summary>What a training run may vary.</summary>
public sealed record TabularTrainingOptions
{
    /// <summary>Passes over the training rows.</summary>
    public int Epochs { get; init; } = 30;

    /// <summary>Seed of the split, the initial weights, dropout and the order of the batches.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Widths of the hidden layers; three of them make the four-layer network.</summary>
    public IReadOnlyList<int> Hidden { get; init; } = [128, 64, 32];

    /// <summary>Rows per step.</summary>
    public int BatchSize { get; init; } = 256;

    /// <summary>Step size of AdamW.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Decay of the weights per step, times the step size.</summary>
    public double WeightDecay { get; init; } = 0.05;

    /// <summary>Probability of dropping a hidden unit while training.</summary>
    public double Dropout { get; init; } = 0.3;
}

/// <summary>Progress after one pass over the training rows.</summary>
/// <param name="Epoch">Number of the pass, from 1.</param>
/// <param name="Epochs">Number of passes.</param>
/// <param name="Loss">Mean weighted cross-entropy of the pass.</param>
/// <param name="ValidationAuc">AUC on the validation rows.</param>
public sealed record TrainingProgress(int Epoch, int Epochs, double Loss, double ValidationAuc);

/// <summary>A trained network with its description and figures. Owns the module.</summary>
/// <param name="Module">The network, in evaluation mode.</param>
/// <param name="Description">What model.json will say.</param>
/// <param name="Test">Figures on the test rows.</param>
/// <param name="LogisticTest">Figures of a logistic regression trained the same way, on the same rows.</param>
/// <param name="Duration">Time for both.</param>
public sealed record TabularTrainingResult(Mlp Module, ModelDescription Description, BinaryMetrics Test, BinaryMetrics LogisticTest, TimeSpan Duration) : IDisposable
{
    /// <summary>Writes a model folder that <see cref="ModelPackage.Load"/> reads.</summary>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        StateDict.Save(Module, Path.Combine(folder, ModelPackage.WeightsFile), new Dictionary<string, string> { ["format"] = "pt" });
        Description.Write(Path.Combine(folder, ModelPackage.DescriptionFile));
    }

    /// <summary>Releases the module.</summary>
    public void Dispose() => Module.Dispose();
}

/// <summary>
/// Trains an MLP to tell two classes of a table apart. Same table, options and machine: same bits. Uses torch's global random generator, so nothing
/// else may draw from it at the same time.
/// </summary>
public static class TabularTrainer
{
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
        StratifiedSplit split = StratifiedSplit.Create(TabularPreprocessing.ReadLabels(table, target, classes), options.Seed);
        TabularPreprocessing preprocessing = TabularSchema.Derive(table, split.Train, target, classes);
        using TabularInput train = preprocessing.Encode(table.Take(split.Train));
        using TabularInput validation = preprocessing.Encode(table.Take(split.Validation));
        using TabularInput test = preprocessing.Encode(table.Take(split.Test));
        if (new[] { train, validation, test }.Any(part => part.Labels!.Distinct().Count() < 2))
            throw new InvalidInputException(table.Path, "has too few rows of a class to train, validate and test with");

        TabularFit fit = new(train, validation, options, cancellationToken);
        int[] linear = [preprocessing.InputSize, 2];
        (Mlp logistic, _) = fit.Run(linear, dropout: 0, null);
        using (logistic)
        {
            int[] sizes = [preprocessing.InputSize, .. options.Hidden, 2];
            (Mlp network, int bestEpoch) = fit.Run(sizes, options.Dropout, progress);
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
