using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Tests.Support;

namespace Backtrace.Gpu.Tests.Experiments;

public sealed class ResultLogTests
{
    private static readonly string[] Columns = ["area"], Curves = ["down"];

    [Test]
    public void LinesAreReadAsTheyWereWritten()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("r.csv");
        Outcome[] written = [Of("a \"method\", quoted", "x", 1.0 / 3), Of("b", "row, 2", double.NaN)];
        using (ResultLog log = ResultLog.Open(path, Columns, Curves))
            Array.ForEach(written, log.Append);
        using ResultLog again = ResultLog.Open(path, Columns, Curves);
        foreach (Outcome outcome in written)
        {
            Outcome read = again.Find(outcome.Method, outcome.Subject)!;
            Assert.That(read.Values, Is.EqualTo(outcome.Values));
            Assert.That(read.Curves["down"], Is.EqualTo(outcome.Curves["down"]));
            Assert.That((read.Seconds, read.PeakBytes), Is.EqualTo((outcome.Seconds, outcome.PeakBytes)));
        }

        Assert.That(again.Find("b", "x"), Is.Null);
    }

    // Wherever a write was cut off, the file can be opened, and what was whole before is still there.
    [FsCheck.NUnit.Property(MaxTest = 60)]
    public void ACutLineIsRepaired(FsCheck.NonNegativeInt cut)
    {
        using TemporaryFolder folder = new();
        string path = folder.File("r.csv");
        using (ResultLog log = ResultLog.Open(path, Columns, Curves))
        {
            log.Append(Of("a", "x", 1));
            log.Append(Of("a", "y", 2));
        }

        byte[] whole = File.ReadAllBytes(path);
        byte[] part = whole[..(cut.Get % whole.Length)];
        int lines = part.Count(b => b == '\n');
        File.WriteAllBytes(path, part);
        using (ResultLog log = ResultLog.Open(path, Columns, Curves))
        {
            Assert.That(log.Find("a", "x") is not null, Is.EqualTo(lines > 1));
            Assert.That(log.Find("a", "y"), Is.Null);
            if (lines < 2)
                log.Append(Of("a", "x", 1));
            log.Append(Of("a", "y", 2));
        }

        Assert.That(File.ReadAllBytes(path), Is.EqualTo(whole));
    }

    [Test]
    public void OtherColumnsAndForeignLinesAreRefused()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("r.csv");
        using (ResultLog.Open(path, Columns, Curves))
        {
        }

        Assert.That(() => ResultLog.Open(path, ["area", "sum"], Curves), Throws.TypeOf<ExperimentException>().With.Message.Contains("other columns"));
        File.AppendAllText(path, "a,x,1\n");
        Assert.That(() => ResultLog.Open(path, Columns, Curves), Throws.TypeOf<ExperimentException>().With.Message.Contains("line 2"));
    }

    [TestCase("name,price\napple,1\npear,2")]
    [TestCase("one line only")]
    public void AForeignFileIsNotTouched(string text)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("r.csv", text);
        Assert.That(() => ResultLog.Open(path, Columns, Curves), Throws.TypeOf<ExperimentException>());
        Assert.That(File.ReadAllText(path), Is.EqualTo(text));
    }

    [Test]
    public void TwoRunsDoNotShareAFile()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("r.csv");
        using ResultLog log = ResultLog.Open(path, Columns, Curves);
        Assert.That(() => ResultLog.Open(path, Columns, Curves), Throws.TypeOf<IOException>().With.Message.StartsWith($"{path}: another run writes to it"));
    }

    private static Outcome Of(string method, string subject, double value) =>
        new(method, subject, [value], new Dictionary<string, IReadOnlyList<double>> { ["down"] = [1, 0.1, -2.5e-7] }, 0.25, double.NaN);
}
