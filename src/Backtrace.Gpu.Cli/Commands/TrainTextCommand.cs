using System.CommandLine;
using System.CommandLine.Parsing;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Models.Training;
using TorchSharp;

namespace Backtrace.Gpu.Cli.Commands;

/// <summary>`backtrace train text`: an LSTM, or a BERT and its kin, that classifies texts, written as a model folder.</summary>
internal static class TrainTextCommand
{
    private const string DefaultStart = "bert-tiny-sst2";

    internal static Command Create()
    {
        Option<string> data = new("--data") { Description = "Texts to train with, one per line: text, tab, class.", Required = true };
        Option<string> dev = new("--dev") { Description = "Texts that choose the pass whose weights are kept.", Required = true };
        Option<string?> test = new("--test") { Description = "Texts that are measured once, at the end." };
        Option<TextNetwork> network = new("--model") { Description = "lstm; bert: the network of --from itself, a BERT, DistilBERT or RoBERTa.", Required = true, CustomParser = Network, HelpName = "bert|lstm" };
        Option<string> output = new("--out", "-o") { Description = "Folder for the model.", Required = true };
        Option<string> start = new("--from") { Description = "Name or folder of a BERT, DistilBERT or RoBERTa that vocabulary and word embeddings come from; with --model bert, all weights.", DefaultValueFactory = _ => DefaultStart };
        Option<int?> epochs = new("--epochs") { Description = $"Passes over the training texts. [default: {new TextTrainingOptions(TextNetwork.Lstm).Epochs} for lstm, {new TextTrainingOptions(TextNetwork.Bert).Epochs} for bert]" };
        Option<int?> rare = new("--min-count") { Description = $"Tokens rarer than this leave the vocabulary. [default: {new TextTrainingOptions(TextNetwork.Lstm).MinimumOccurrences} for lstm, {new TextTrainingOptions(TextNetwork.Bert).MinimumOccurrences} for bert]" };
        Option<ulong> seed = new("--seed") { Description = "Seed of weights, dropout and order.", DefaultValueFactory = _ => 1 };
        Option<string> type = new("--dtype") { Description = "Type of the saved weights.", DefaultValueFactory = _ => "fp32" };
        Option<string?> title = new("--title") { Description = "One line for people, kept in model.json." };
        Option<string?> source = new("--source") { Description = "Where the data comes from and its licence, kept in model.json." };
        type.AcceptOnlyFromAmong("fp32", "bf16");
        foreach (Option file in new Option[] { data, dev, test })
            file.RefuseEmpty();
        epochs.MustBeBetween(1, 100_000);
        rare.MustBeBetween(0, 1_000_000);
        seed.MustBeWhole();
        Command command = new("text", "Train an LSTM to classify texts, from pretrained word embeddings, or fine-tune a BERT, DistilBERT or RoBERTa; seeded.")
        {
            data, dev, test, network, output, start, epochs, rare, seed, type, title, source,
        };
        command.SetAction((parsed, cancellationToken) =>
        {
            TextTrainingOptions options = new(parsed.GetValue(network));
            options = options with
            {
                Epochs = parsed.GetValue(epochs) ?? options.Epochs,
                MinimumOccurrences = parsed.GetValue(rare) ?? options.MinimumOccurrences,
                Seed = parsed.GetValue(seed),
                Precision = parsed.GetValue(type) == "bf16" ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32,
            };
            TextTable train = TextTable.Read(parsed.GetRequiredValue(data)), chooser = TextTable.Read(parsed.GetRequiredValue(dev));
            TextTable? measured = parsed.GetValue(test) is { } path ? TextTable.Read(path) : null;
            using ModelPackage from = parsed.GetResult(start) is { Implicit: false } ? ModelPackage.Load(parsed.GetRequiredValue(start)) : DefaultModel.Load(DefaultStart, "--from");
            using OutputFolder folder = OutputFolder.Prepare(parsed.GetRequiredValue(output));
            using TextTrainingResult trained = TrainingBar.Show(
                options.Epochs, "dev accuracy", progress => TextTrainer.Train(train, chooser, measured, from, options, progress, cancellationToken));
            ModelDescription described = trained.Description with { Title = parsed.GetValue(title) ?? trained.Description.Title, Source = parsed.GetValue(source) };
            (trained with { Description = described }).Save(parsed.GetRequiredValue(output));
            Report(parsed.InvocationConfiguration.Output, described, trained.Duration, parsed.GetRequiredValue(output));
            return Task.FromResult(ExitCodes.Ok);
        });
        return command;
    }

    private static TextNetwork Network(ArgumentResult result)
    {
        string name = result.Tokens[0].Value;
        foreach (TextNetwork network in Enum.GetValues<TextNetwork>())
        {
            if (string.Equals(name, network.ToString(), StringComparison.OrdinalIgnoreCase))
                return network;
        }

        result.AddError($"--model: '{name}' is neither lstm nor bert.");
        return default;
    }

    private static void Report(TextWriter output, ModelDescription model, TimeSpan duration, string folder)
    {
        TrainingRecord training = model.Training!;
        output.WriteLine($"{model.Title}: {Counted.Of(training.Rows, "text")}, seed {training.Seed}, best epoch {training.BestEpoch} of {training.Epochs}, {duration.TotalSeconds:F1} s");
        foreach ((string name, double value) in model.Metrics!)
            output.WriteLine(FormattableString.Invariant($"  {name} {value:F3}"));
        output.WriteLine($"  written to {folder}");
    }
}
