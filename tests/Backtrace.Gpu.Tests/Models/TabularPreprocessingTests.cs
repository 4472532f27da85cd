using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Models;

public sealed class TabularPreprocessingTests
{
    private static readonly TabularPreprocessing Loans = new(
        [new NumericColumn("rate", 10, 2), new CategoricalColumn("grade", ["A", "B"]), new NumericColumn("income", 0, 1, Log: true)], "Class", ["good", "bad"]);

    [Test]
    public void NumbersAreStandardisedAndWordsOneHot()
    {
        using TemporaryFolder folder = new();
        using TabularInput input = Loans.Read(folder.Write("t.csv", "Class,income,unused,rate,grade\nbad,0,x,14,B\ngood,-1e3,y,9,Z\n"));
        Assert.Multiple(() =>
        {
            Assert.That(input.Values.shape, Is.EqualTo(new long[] { 2, 5 }));
            Assert.That(input.Values.data<float>().ToArray(), Is.EqualTo(new[] { 2, 0, 1, 0, 0, -0.5f, 0, 0, 1, -MathF.Log(1001) }).Within(1e-6));
            Assert.That(input.Labels, Is.EqualTo(new[] { 1, 0 }));
            Assert.That(Loans.FeatureNames, Is.EqualTo(new[] { "rate", "grade=A", "grade=B", "grade=other", "income" }));
            Assert.That(Loans.SumPerColumn([1, 2, 3, 4, 5]), Is.EqualTo(new[] { 1f, 9, 5 }));
        });
    }

    [Test]
    public void TheTargetColumnIsNotNeeded()
    {
        using TemporaryFolder folder = new();
        using TabularInput input = Loans.Read(folder.Write("t.csv", "income,rate,grade\n1,2,A\n"));
        Assert.That(input.Labels, Is.Null);
    }

    [TestCase("rate,Class\n1,good\n", "lacks the columns grade, income", null, null)]
    [TestCase("rate,grade,income\n1,A,2\nabc,A,2\n", "'abc' is not a number", 3, "rate")]
    [TestCase("rate,grade,income\n,A,2\n", "is empty, a number is needed: the model was trained without gaps", 2, "rate")]
    [TestCase("rate,grade,income\nNaN,A,2\n", "not a number", 2, "rate")]
    [TestCase("rate,grade,income\n1,A,Infinity\n", "not a number", 2, "income")]
    [TestCase("rate,grade,income\n1e300,A,1\n", "too large", 2, "rate")]
    [TestCase("rate,grade,income\n\"1,5\",A,1\n", "not a number", 2, "rate")]
    [TestCase("rate,grade,income\n1,A,-1e400\n", "'-1e400' is too large", 2, "income")]
    [TestCase("rate,grade,income,Class\n1,A,1,ugly\n", "'ugly' is none of the classes good, bad", 2, "Class")]
    public void UnusableCellsAreNamed(string text, string problem, int? line, string? column)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("t.csv", text);
        InvalidInputException e = Assert.Throws<InvalidInputException>(() => Loans.Read(path))!;
        Assert.Multiple(() =>
        {
            Assert.That(e.Message, Does.Contain(problem).And.StartWith(path));
            Assert.That((e.Line, e.Column), Is.EqualTo((line, column)));
        });
    }

    [TestCase("")]
    [TestCase("  ")]
    [TestCase("NA")]
    [TestCase(" n/a")]
    [TestCase("nan")]
    [TestCase("NULL")]
    [TestCase("?")]
    public void GapsBecomeTheMeanWhereTrainingKnewSome(string gap)
    {
        using TemporaryFolder folder = new();
        TabularPreprocessing preprocessing = new([new NumericColumn("rate", 10, 2, Missing: 3), new NumericColumn("income", 5, 1, Log: true, Missing: 1)], "Class", ["good", "bad"]);
        using TabularInput input = preprocessing.Read(folder.Write("t.csv", $"rate,income\n{gap},{gap}\n12,0\n"));
        Assert.That(input.Values.data<float>().ToArray(), Is.EqualTo(new float[] { 0, 0, 1, -5 }));
        Assert.That(() => preprocessing.Read(folder.Write("t.csv", "rate,income\n1,much\n")), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("'much' is not a number"));
    }

    [TestCase(4095)]
    [TestCase(4096)]
    [TestCase(10_000)]
    public void RowsOfLongTablesKeepTheirOrder(int rows)
    {
        using TemporaryFolder folder = new();
        string text = string.Concat(Enumerable.Range(0, rows).Select(row => $"{row},{(row % 3 == 0 ? "A" : "B")},{(row == 4000 ? "x" : "0")}\n"));
        List<InvalidInputException> skipped = [];
        CsvTable table = CsvTable.Read(folder.Write("t.csv", "rate,grade,income\n" + text));
        using TabularRows input = Loans.EncodeRows(table, [.. Enumerable.Range(0, rows)], skipped.Add);
        float[] values = input.Values.data<float>().ToArray();
        int[] kept = [.. Enumerable.Range(0, rows).Where(row => row != 4000)];
        Assert.Multiple(() =>
        {
            Assert.That(skipped.Select(fault => fault.Line), Is.EqualTo(new[] { 4002 }));
            Assert.That(input.Values.shape, Is.EqualTo(new long[] { rows - 1, 5 }));
            Assert.That(input.Rows, Is.EqualTo(kept));
            Assert.That(values, Is.EqualTo(kept.SelectMany(row => new[] { (row - 10) / 2f, row % 3 == 0 ? 1 : 0, row % 3 == 0 ? 0 : 1, 0, 0 })));
        });
    }
}
