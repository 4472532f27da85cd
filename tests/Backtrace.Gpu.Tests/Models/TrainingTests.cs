using System.Globalization;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Models.Training;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Models;

public sealed class TrainingTests
{
    private static readonly TabularTrainingOptions Short = new() { Epochs = 2, Hidden = [16, 8, 4] };

    [Test]
    public void EqualSeedsGiveEqualBitsAndOthersDoNot()
    {
        using TemporaryFolder folder = new();
        CsvTable table = CsvTable.Read(Assets.Path("lending_club", "lending_club.csv"));
        CsvTable part = table.Take(Enumerable.Range(0, 600));
        byte[] first = Train(part, 5, folder.File("a")), second = Train(part, 5, folder.File("b")), other = Train(part, 6, folder.File("c"));
        Assert.That(first, Is.EqualTo(second));
        Assert.That(first, Is.Not.EqualTo(other));
        Assert.That(File.ReadAllText(Path.Combine(folder.File("a"), "model.json")), Is.EqualTo(File.ReadAllText(Path.Combine(folder.File("b"), "model.json"))));
    }

    [Test]
    public void ASeparableTableIsLearnt()
    {
        using TemporaryFolder folder = new();
        Random random = new(1);
        IEnumerable<string> rows = Enumerable.Range(0, 600).Select(_ =>
        {
            double x = random.NextDouble(), y = random.NextDouble();
            return string.Create(CultureInfo.InvariantCulture, $"{x},{(y > 0.5 ? "up" : "down")},{((x > 0.5) ^ (y > 0.5) ? "odd" : "even")}");
        });
        CsvTable table = CsvTable.Read(folder.Write("xor.csv", "x,way,class\n" + string.Join('\n', rows)));
        TabularTrainingOptions options = new() { Epochs = 40, BatchSize = 32, LearningRate = 3e-3, Dropout = 0 };
        using TabularTrainingResult result = TabularTrainer.Train(table, "class", options);
        Assert.That(result.Test.Auc, Is.GreaterThan(0.97), "the network solves exclusive or");
        Assert.That(result.LogisticTest.Auc, Is.LessThan(0.8), "a linear model cannot");
        result.Save(folder.File("model"));
        using ModelPackage model = ModelPackage.Load(folder.File("model"));
        Assert.That(model.Description.Classes, Has.Count.EqualTo(2));
    }

    [Test]
    public void SmallTablesAreLearntAtTheUsualSettings()
    {
        using TemporaryFolder folder = new();
        Random random = new(3);
        IEnumerable<string> rows = Enumerable.Range(0, 100).Select(k => string.Create(CultureInfo.InvariantCulture, $"{random.NextDouble() + k % 2},{random.NextDouble() - k % 2},{(k % 2 == 0 ? "a" : "b")}"));
        CsvTable table = CsvTable.Read(folder.Write("two.csv", "x,y,class\n" + string.Join('\n', rows)));
        using TabularTrainingResult result = TabularTrainer.Train(table, "class", new TabularTrainingOptions());
        Assert.Multiple(() =>
        {
            Assert.That(result.Test.Accuracy, Is.GreaterThan(0.9), "the first pass with every row in order is not the best of them");
            Assert.That(result.LogisticTest.Accuracy, Is.GreaterThan(0.9));
        });
    }

    [Test]
    public void TheCommittedLoanModelHasTheFiguresItClaims()
    {
        using ModelPackage model = ModelPackage.Load("lending-mlp");
        CsvTable table = CsvTable.Read(Assets.Path("lending_club", "lending_club.csv"));
        TrainingRecord training = model.Description.Training!;
        TabularPreprocessing preprocessing = (TabularPreprocessing)model.Description.Preprocessing;
        using TabularInput all = preprocessing.Encode(table);
        Assert.That(training.Rows, Is.EqualTo(table.Rows.Count));
        using TabularInput test = preprocessing.Encode(table.Take(StratifiedSplit.Create(all.Labels!, training.Seed).Test));
        BinaryMetrics metrics = TabularFit.Measure((Mlp)model.Module, test);
        Assert.Multiple(() =>
        {
            Assert.That(metrics.Auc, Is.EqualTo(model.Description.Metrics!["test auc"]).Within(1e-3));
            Assert.That(metrics.Accuracy, Is.EqualTo(model.Description.Metrics["test accuracy"]).Within(2e-3));
            Assert.That(metrics.Auc, Is.GreaterThan(0.7));
            Assert.That(((MlpArchitecture)model.Description.Architecture).Layers, Has.Count.EqualTo(4));
        });
    }

    [Test]
    public void SplitsAreDisjointCompleteStratifiedAndFixedForever()
    {
        int[] labels = [.. Enumerable.Range(0, 1000).Select(i => i % 10 == 0 ? 1 : 0)];
        StratifiedSplit split = StratifiedSplit.Create(labels, 42);
        Assert.Multiple(() =>
        {
            Assert.That(split.Train.Concat(split.Validation).Concat(split.Test), Is.EquivalentTo(Enumerable.Range(0, 1000)));
            Assert.That((split.Train.Count, split.Validation.Count, split.Test.Count), Is.EqualTo((700, 150, 150)));
            Assert.That(new[] { split.Train, split.Validation, split.Test }.Select(part => part.Sum(row => labels[row])), Is.EqualTo(new[] { 70, 15, 15 }));
        });
        SplitMix64 random = new(1234567);
        Assert.That(new[] { random.Next(), random.Next() }, Is.EqualTo(new[] { 6457827717110365317UL, 3203168211198807973UL }), "the published sequence of the generator");
    }

    [Test]
    public void AucCountsPairs()
    {
        Assert.Multiple(() =>
        {
            Assert.That(BinaryMetrics.Compute([-2, -1, 1, 2], [0, 0, 1, 1]), Is.EqualTo(new BinaryMetrics(1, 1, 1)));
            Assert.That(BinaryMetrics.Compute([1, 1, 1, 1], [0, 1, 0, 1]).Auc, Is.EqualTo(0.5), "ties count half");
            Assert.That(BinaryMetrics.Compute([3, 1, 2, -1], [1, 0, 0, 1]), Is.EqualTo(new BinaryMetrics(0.25, 0.25, 0.5)));
            Assert.That(() => BinaryMetrics.Compute([1, 2], [1, 1]), Throws.ArgumentException);
        });
    }

    [TestCase("x,class\n1,a\n2,a\n", "class", "is 'a' in all rows")]
    [TestCase("x,class\n1,a\n2,b\n3,c\n", "class", "different values")]
    [TestCase("x,class\n1,a\n2,b\n3,\n", "class", "line 4, column 'class': '' is no class")]
    [TestCase("x,class\n1,a\n2,\n3,a\n", "class", "line 3, column 'class': '' is no class; take out the 1 row whose class")]
    [TestCase("x,class\n1,NA\n2,a\n3,a\n", "class", "line 2, column 'class': 'NA' is no class")]
    [TestCase("x,class\n1,a\n2,b\n3,none\n", "class", "has 3 different values")]
    [TestCase("x,class\n1,a\n2,none\n", "class", "too few rows")]
    [TestCase("x,class\n1,a\n2,b\n", "label", "no column 'label' for the target")]
    [TestCase("x,class\n1,a\n2,b\n", "class", "too few rows")]
    [TestCase("0.5,a\n1,a\n2,b\n", "a", "line 1: the header calls the target 'a', which is one of its classes")]
    public void UntrainableTablesAreRefused(string text, string target, string problem)
    {
        using TemporaryFolder folder = new();
        CsvTable table = CsvTable.Read(folder.Write("t.csv", text));
        Assert.That(() => TabularTrainer.Train(table, target, Short), Throws.InstanceOf<InvalidInputException>().With.Message.Contains(problem));
    }

    [Test]
    public void GapsLeaveAColumnNumeric()
    {
        using TemporaryFolder folder = new();
        string[] gaps = ["", "NA", "?", "nan"];
        using TabularTrainingResult result = TabularTrainer.Train(Table(folder, k => k < gaps.Length ? gaps[k] : $"{k}", k => k == 399 ? "" : "7"), "class", Short);
        IReadOnlyList<TabularColumn> columns = ((TabularPreprocessing)result.Description.Preprocessing).Columns;
        IEnumerable<double> known = StratifiedSplit.Create([.. Enumerable.Range(0, 400).Select(k => k % 2)], Short.Seed).Train.Where(k => k >= gaps.Length).Select(k => (double)k);
        Assert.That(columns[0], Is.TypeOf<NumericColumn>().With.Property("Missing").EqualTo(4).And.Property("Mean").EqualTo(known.Average()).Within(1e-9));
        Assert.That(columns[1], Is.EqualTo(new NumericColumn("y", 7, 1, Missing: 1)), "a gap outside the training rows counts");
        result.Save(folder.File("model"));
        using ModelPackage model = ModelPackage.Load(folder.File("model"));
        Assert.That(((TabularPreprocessing)model.Description.Preprocessing).Columns, Is.EqualTo(columns));
    }

    [TestCase("2,5")]
    [TestCase("-1,000.5")]
    public void NumbersWithCommasDoNotBecomeWords(string cell)
    {
        using TemporaryFolder folder = new();
        CsvTable table = CsvTable.Read(folder.Write("t.csv", "x,y,class\n" + string.Concat(Enumerable.Range(0, 100).Select(n => $"\"{cell}\",{n},{"ab"[n % 2]}\n"))));
        Assert.That(() => TabularTrainer.Train(table, "class", Short), Throws.InstanceOf<InvalidInputException>().With.Message.Contains($"line 2, column 'x': '{cell}' is a number with a comma"));
        Assert.That(() => TabularTrainer.Train(table, "class", Short with { Words = ["x"] }).Dispose(), Throws.Nothing);
    }

    [TestCase("abc", "line 302, column 'x': 'abc' is not a number, but 399 other cells")]
    [TestCase("1e400", "line 302, column 'x': '1e400' is too large, but 399 other cells")]
    [TestCase("1e300", "line 302, column 'x': '1e300' is too large")]
    public void AFewWordsAmongNumbersAreNamed(string cell, string problem)
    {
        using TemporaryFolder folder = new();
        CsvTable table = Table(folder, k => k == 300 ? cell : $"{k}", k => k % 3 == 0 ? "3+" : $"{k % 3}");
        Assert.That(() => TabularTrainer.Train(table, "class", Short with { Words = ["y"] }), Throws.InstanceOf<InvalidInputException>().With.Message.Contains(problem));
        using TabularTrainingResult result = TabularTrainer.Train(table, "class", Short with { Words = ["x", "y"] });
        Assert.That(((CategoricalColumn)((TabularPreprocessing)result.Description.Preprocessing).Columns[1]).Levels, Is.EqualTo(new[] { "1", "2", "3+" }));
        Assert.That(() => TabularTrainer.Train(table, "class", Short with { Words = ["z"] }), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("no column 'z'"));
    }

    [Test]
    public void CancellationStopsBetweenPasses()
    {
        CsvTable table = CsvTable.Read(Assets.Path("lending_club", "lending_club.csv")).Take(Enumerable.Range(0, 600));
        using CancellationTokenSource cancelled = new();
        cancelled.Cancel();
        Assert.That(() => TabularTrainer.Train(table, "Class", Short, null, cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    private static CsvTable Table(TemporaryFolder folder, Func<int, string> x, Func<int, string> y) => CsvTable.Read(folder.Write(
        "t.csv", "x,y,class\n" + string.Concat(Enumerable.Range(0, 400).Select(k => $"{x(k)},{y(k)},{(k % 2 == 0 ? "a" : "b")}\n"))));

    private static byte[] Train(CsvTable table, ulong seed, string folder)
    {
        using TabularTrainingResult result = TabularTrainer.Train(table, "Class", Short with { Seed = seed });
        result.Save(folder);
        return File.ReadAllBytes(Path.Combine(folder, "model.safetensors"));
    }
}
