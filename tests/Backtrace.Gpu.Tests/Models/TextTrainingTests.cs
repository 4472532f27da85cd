using Backtrace.Gpu.Models;
using Backtrace.Gpu.Models.Training;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

public sealed class TextTrainingTests
{
    private static readonly string Sentences = Assets.Path("sst2", "glue_dev.tsv");

    [TestCase(TextNetwork.Lstm)]
    [TestCase(TextNetwork.Bert)]
    public void LossFallsAndTheFolderHasTheFiguresItClaims(TextNetwork kind)
    {
        using TemporaryFolder folder = new();
        TextTable table = TextTable.Read(Sentences).Take(48);
        Losses losses = new();
        using (TextTrainingResult result = Train(table, Few(kind) with { Precision = ScalarType.BFloat16 }, losses))
            result.Save(folder.Path);
        Assert.That(losses.Values, Has.Count.EqualTo(4));
        Assert.That(losses.Values[^1], Is.LessThan(0.8 * losses.Values[0]));

        using ModelPackage model = ModelPackage.Load(folder.Path);
        Assert.That(model.Description.Classes, Is.EqualTo(new[] { "negative", "positive" }));
        Assert.That(model.Tokenizer!.Pieces, Has.Count.EqualTo(((TextClassifier)model.Module).VocabularySize).And.Count.LessThan(2000));
        Assert.That(model.Description.Metrics!["dev accuracy"], Is.EqualTo(Accuracy(model, table)).Within(1e-4));
        Assert.That(model.Description.Training!.Rows, Is.EqualTo(48));
    }

    [TestCase(TextNetwork.Lstm)]
    [TestCase(TextNetwork.Bert)]
    public void EqualSeedsGiveEqualBitsAndOthersDoNot(TextNetwork kind)
    {
        using TemporaryFolder folder = new();
        TextTable table = TextTable.Read(Sentences).Take(24);
        TextTrainingOptions options = Few(kind) with { Epochs = 2 };
        byte[] first = Weights(table, options, folder.File("a")), second = Weights(table, options, folder.File("b")), other = Weights(table, options with { Seed = 2 }, folder.File("c"));
        Assert.That(first, Is.EqualTo(second));
        Assert.That(first, Is.Not.EqualTo(other));
        Assert.That(File.ReadAllText(Path.Combine(folder.File("a"), "model.json")), Is.EqualTo(File.ReadAllText(Path.Combine(folder.File("b"), "model.json"))));
    }

    [Test]
    public void OfPassesWithEqualAccuracyTheOneWithTheLeastLossIsKept()
    {
        TextTable table = TextTable.Read(Sentences).Take(24);
        List<TrainingProgress> passes = [];
        using TextTrainingResult result = Train(table, Few(TextNetwork.Lstm) with { Epochs = 14, Dropout = 0 }, new Passes(passes));
        int first = passes.MaxBy(pass => pass.Score)!.Epoch;
        Assert.That(passes.Count(pass => pass.Score == 1), Is.GreaterThan(1), "the texts are learnt by heart");
        Assert.That(result.Description.Training!.BestEpoch, Is.GreaterThan(first));
    }

    [TestCase("bert-tiny-sst2")]
    [TestCase("lstm-sst2")]
    public void TheCommittedModelsHaveTheDevAccuracyTheyClaim(string name)
    {
        using ModelPackage model = ModelPackage.Load(name);
        double accuracy = Accuracy(model, TextTable.Read(Sentences));
        Assert.That(accuracy, Is.EqualTo(model.Description.Metrics!["dev accuracy"]).Within(3e-3));
        Assert.That(accuracy, Is.GreaterThan(0.78));
    }

    [Test]
    public void RareTokensAreSpelledWithWhatIsLeft()
    {
        WordPiece whole = WordPiece.Open(Assets.Path("models", "bert-tiny-sst2"), new TextPreprocessing(64));
        IReadOnlyList<int> kept = VocabularyReduction.Keep(whole, ["a good film", "a bad film", "a film"], 2);
        WordPiece reduced = whole.Reduce(kept, new TextPreprocessing(64, SpecialTokens: false));
        Assert.That(reduced.Tokenize("A film bad!").Tokens, Is.EqualTo(new[] { "a", "film", "b", "##a", "##d", "!" }));
        Assert.That(VocabularyReduction.Keep(whole, ["a"], 0), Has.Count.EqualTo(whole.Pieces.Count));
    }

    [Test]
    public void LabelsThatAreWordsNameTheClasses()
    {
        using TemporaryFolder folder = new();
        TextTable table = TextTable.Read(folder.Write("t.tsv", "good film\tlike\nbad film\tdislike\nsome film\tunsure\n"));
        using TextTrainingResult result = Train(table, Few(TextNetwork.Lstm) with { Epochs = 1 });
        Assert.That(result.Description.Classes, Is.EqualTo(new[] { "dislike", "like", "unsure" }));
    }

    [Test]
    public void WhatCannotBeTrainedWithIsRefused()
    {
        using TemporaryFolder folder = new();
        TextTable one = TextTable.Read(folder.Write("one.tsv", "good\t1\nbad\t1\n")), two = TextTable.Read(folder.Write("two.tsv", "good\t1\nbad\t0\n"));
        TextTable other = TextTable.Read(folder.Write("other.tsv", "Text\tCategory\ngood\t1\n\nbad\t2\n"));
        TextTable bare = TextTable.Read(folder.Write("bare.tsv", "sentence\tlabel\ngood\t1\n\u200b\t0\n"));
        TextTrainingOptions options = Few(TextNetwork.Lstm);
        using ModelPackage bert = ModelPackage.Load("bert-tiny-sst2"), mlp = ModelPackage.Load("mnist-mlp");
        Assert.Multiple(() =>
        {
            Assert.That(() => TextTrainer.Train(one, two, null, bert, options), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("only one class"));
            Assert.That(() => TextTrainer.Train(two, other, null, bert, options), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("line 4: '2' is none of the classes 0, 1"));
            Assert.That(() => TextTrainer.Train(two, bare, null, bert, options), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("bare.tsv, line 3: "));
            Assert.That(() => TextTrainer.Train(two, two, null, mlp, options), Throws.InstanceOf<ModelException>().With.Message.Contains("none"));
        });
    }

    [TestCase("", "has no texts")]
    [TestCase("sentence\tlabel\n", "has no texts")]
    [TestCase("good\t1\nbad\n", "line 2: is not a text, a tab and a class")]
    [TestCase("sentence\tlabel\ngood\t1\t2\n", "line 2: is not")]
    [TestCase(" \t1\n", "line 1: is not")]
    public void BrokenTablesAreRefused(string text, string problem)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("t.tsv", text);
        Assert.That(() => TextTable.Read(path), Throws.InstanceOf<InvalidInputException>().With.Message.Contains(problem).And.Message.StartsWith(path));
    }

    [Test]
    public void CancellationStopsTheRun()
    {
        using CancellationTokenSource cancelled = new();
        cancelled.Cancel();
        using ModelPackage start = ModelPackage.Load("bert-tiny-sst2");
        TextTable table = TextTable.Read(Sentences).Take(8);
        Assert.That(() => TextTrainer.Train(table, table, null, start, Few(TextNetwork.Lstm), null, cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    private static TextTrainingOptions Few(TextNetwork kind) =>
        new TextTrainingOptions(kind) with { Epochs = 4, BatchSize = 8, Hidden = 8, Dropout = 0.1, LearningRate = kind == TextNetwork.Lstm ? 0.01 : 3e-4, MinimumOccurrences = 1 };

    private static TextTrainingResult Train(TextTable table, TextTrainingOptions options, IProgress<TrainingProgress>? progress = null)
    {
        using ModelPackage start = ModelPackage.Load("bert-tiny-sst2");
        return TextTrainer.Train(table, table, null, start, options, progress);
    }

    private static byte[] Weights(TextTable table, TextTrainingOptions options, string folder)
    {
        using TextTrainingResult result = Train(table, options);
        result.Save(folder);
        return File.ReadAllBytes(Path.Combine(folder, "model.safetensors"));
    }

    private static double Accuracy(ModelPackage model, TextTable table)
    {
        using var scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        using TextInput input = model.Tokenizer!.Encode(table.Texts);
        long[] answers = ((TextClassifier)model.Module).forward(input.Ids, input.AttentionMask, input.TokenTypes).argmax(1).data<long>().ToArray();
        return answers.Zip(table.Labels, (answer, label) => $"{answer}" == label ? 1.0 : 0).Average();
    }

    private sealed class Losses : IProgress<TrainingProgress>
    {
        internal List<double> Values { get; } = [];

        public void Report(TrainingProgress value) => Values.Add(value.Loss);
    }

    private sealed class Passes(List<TrainingProgress> seen) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => seen.Add(value);
    }
}
