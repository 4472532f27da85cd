using System.CommandLine;
using System.Globalization;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Models.Training;

namespace Backtrace.Gpu.Cli.Commands;

/// <summary>`backtrace train tabular`: a four-layer MLP for two classes from a CSV file, written as a model folder.</summary>
internal static class TrainTabularCommand
{
    private static readonly TabularTrainingOptions Defaults = new();

    internal static Command Create()
    {
        Option<string> data = new("--data") { Description = "CSV file with a header. A column whose cells are numbers, but for empty ones and NA, is numeric; others are words.", Required = true };
        Option<string> output = new("--out", "-o") { Description = "Folder for model.safetensors and model.json.", Required = true };
        Option<string?> target = new("--target") { Description = "Column with the two classes. [default: the last one]" };
        Option<string[]> words = new("--words") { Description = "Columns whose numbers are names, such as post codes, as in zip,region. [default: none]", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
        Option<int> epochs = new("--epochs") { Description = "Passes over the training rows.", DefaultValueFactory = _ => Defaults.Epochs };
        Option<ulong> seed = new("--seed") { Description = "Seed of split, weights and order.", DefaultValueFactory = _ => Defaults.Seed };
        Option<string?> title = new("--title") { Description = "One line for people, kept in model.json." };
        Option<string?> source = new("--source") { Description = "Where the data comes from and its licence, kept in model.json." };
        words.RefuseOptions();
        data.RefuseEmpty();
        epochs.MustBeBetween(1, 100_000);
        seed.MustBeWhole();
        Command command = new("tabular", "Train a four-layer MLP for two classes on a CSV file: stratified 70/15/15 split, seeded, the epoch with the best validation AUC is kept.")
        {
            data, output, target, words, epochs, seed, title, source,
        };
        command.SetAction((parsed, cancellationToken) =>
        {
            CsvTable table = CsvTable.Read(parsed.GetRequiredValue(data));
            using OutputFolder folder = OutputFolder.Prepare(parsed.GetRequiredValue(output));
            TabularTrainingOptions options = Defaults with { Epochs = parsed.GetValue(epochs), Seed = parsed.GetValue(seed), Words = NameList.Of(parsed.GetRequiredValue(words)) };
            using TabularTrainingResult trained = TrainingBar.Show(
                options.Epochs, "validation AUC", progress => TabularTrainer.Train(table, parsed.GetValue(target) ?? table.Columns[^1], options, progress, cancellationToken));
            TabularTrainingResult described = trained with
            {
                Description = trained.Description with
                {
                    Title = parsed.GetValue(title) ?? trained.Description.Title,
                    Source = parsed.GetValue(source),
                },
            };
            described.Save(parsed.GetRequiredValue(output));
            Report(parsed.InvocationConfiguration.Output, table, described, parsed.GetRequiredValue(output));
            return Task.FromResult(ExitCodes.Ok);
        });
        return command;
    }

    private static void Report(TextWriter output, CsvTable table, TabularTrainingResult result, string folder)
    {
        static string F(double value) => value.ToString("F3", CultureInfo.InvariantCulture);
        TrainingRecord training = result.Description.Training!;
        output.WriteLine($"{result.Description.Title}: {Counted.Of(training.Rows, "row")}, seed {training.Seed}, best epoch {training.BestEpoch} of {training.Epochs}, {result.Duration.TotalSeconds:F1} s");
        output.WriteLine($"  test       AUC {F(result.Test.Auc)}   accuracy {F(result.Test.Accuracy)}   balanced accuracy {F(result.Test.BalancedAccuracy)}");
        output.WriteLine($"  logistic   AUC {F(result.LogisticTest.Auc)}   accuracy {F(result.LogisticTest.Accuracy)}   balanced accuracy {F(result.LogisticTest.BalancedAccuracy)}   (the same data and training, no hidden layer)");
        foreach (TabularColumn column in ((TabularPreprocessing)result.Description.Preprocessing).Columns)
        {
            if (Remark(column, table) is { } remark)
                output.WriteLine($"  column '{column.Name}': {remark}");
        }
        output.WriteLine($"  written to {folder}");
    }

    // What one would want to know of a column before trusting the network.
    private static string? Remark(TabularColumn column, CsvTable table) => column switch
    {
        _ when IsConstant(table, table.IndexOf(column.Name)) => "is the same in all rows, so it says nothing",
        NumericColumn { Missing: > 0 } gaps => $"{Counted.Of(gaps.Missing, "cell is missing and takes", "cells are missing and take")} the mean of the training rows; so will others in new tables",
        CategoricalColumn { Levels.Count: 0 } => "none of its words is frequent enough to be told apart, so it says nothing",
        _ => null,
    };

    private static bool IsConstant(CsvTable table, int column) => table.Rows.All(row => row[column] == table.Rows[0][column]);
}
