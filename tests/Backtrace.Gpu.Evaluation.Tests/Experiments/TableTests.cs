using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Tests.Support;
using Parquet;
using Parquet.Schema;

namespace Backtrace.Gpu.Tests.Experiments;

public sealed class TableTests
{
    private static readonly ExperimentResult Result = new(
        ["good", "bad", "Random"],
        [new Column("Delta", Better.Higher), new Column("Entropy | nats", Better.Lower)],
        [
            Of("good", "x", 0.5, 1), Of("good", "y", 0.7, 3), Of("bad", "x", 0.1, 1.5), Of("bad", "y", 0.3, double.NaN), Of("Random", "x", 0.9, 0), Of("Random", "y", 0.9, 0),
        ]);

    [Test]
    public void TheMarkdownTableMarksTheBestAndShowsWhatChanceGives()
    {
        string[] lines = MarkdownTable.Of(Result, "Random").Split('\n');
        Assert.Multiple(() =>
        {
            Assert.That(lines[0], Is.EqualTo("| method | Delta ↑ (random 0.900) | Entropy \\| nats ↓ (random 0.000) | ms | MB |"));
            Assert.That(lines[2], Does.StartWith("| good | **0.600** [0.500, 0.700] | **2.000** [1.000, 3.000] | 2.0 | 1.0 |"));
            Assert.That(lines[3], Does.StartWith("| bad | 0.200 [0.100, 0.300] | 1.500 [1.500, 1.500] (1 of 2)"), "a mean over half of the inputs does not compete");
            Assert.That(lines[4], Does.Not.Contain("**"), "chance takes no part");
        });
    }

    [Test]
    public void DifferencesArePairedAndBoldWhereTheyAreBetterBeyondChance()
    {
        // Three times the two inputs: enough to tell from chance.
        ExperimentResult many = Result with { Outcomes = [.. Enumerable.Range(0, 3).SelectMany(k => Result.Outcomes.Select(outcome => outcome with { Subject = $"{outcome.Subject} {k}" }))] };
        string[] few = MarkdownTable.Differences(Result, "bad").Split('\n'), lines = MarkdownTable.Differences(many, "bad").Split('\n');
        Assert.Multiple(() =>
        {
            Assert.That(lines[0], Is.EqualTo("| less bad | Delta ↑ | Entropy \\| nats ↓ |"));
            Assert.That(lines[2], Is.EqualTo("| good | **0.400** [0.400, 0.400] | -0.500 [-0.500, -0.500] (3 of 6) |"));
            Assert.That(lines[3], Does.StartWith("| Random | **0.700** [0.633, 0.767]"));
            Assert.That(few[2], Is.EqualTo("| good | 0.400 [0.400, 0.400] | -0.500 [-0.500, -0.500] (1 of 2) |"), "two inputs agree by chance every other time");
        });
    }

    [Test]
    public void SmallNumbersKeepTheirDigits()
    {
        ExperimentResult small = new(["one"], [new Column("Infidelity", Better.Lower)], [Of("one", "x", 0.00123456, 0), Of("one", "y", 0.00123456, 0)]);
        Assert.That(MarkdownTable.Of(small, null), Does.Contain("| **0.00123** [0.00123, 0.00123] |"));
    }

    [Test]
    public async Task TheParquetFileHoldsARowPerOutcome()
    {
        using TemporaryFolder folder = new();
        await ParquetTable.WriteAsync(Result, folder.File("r.parquet"));
        await using ParquetReader reader = await ParquetReader.CreateAsync(folder.File("r.parquet"));
        DataField[] fields = reader.Schema.GetDataFields();
        using ParquetRowGroupReader group = reader.OpenRowGroupReader(0);
        double[] entropy = new double[6];
        await group.ReadAsync<double>(fields[3], entropy.AsMemory());
        Assert.That(fields.Select(field => field.Name), Is.EqualTo(new[] { "method", "subject", "Delta", "Entropy | nats", "seconds", "peak_bytes" }));
        Assert.That(entropy, Is.EqualTo(new[] { 1, 3, 1.5, double.NaN, 0, 0 }));
    }

    [Test]
    [Platform("Linux")] // where it is known
    public void MemoryOfWorkIsWhatItTakes()
    {
        double little = PeakMemory.Of(() => { }), much = PeakMemory.Of(() => Touch(64 << 20));
        Assert.That(much - little, Is.InRange(48 << 20, 200 << 20));
    }

    private static void Touch(int bytes)
    {
        byte[] memory = GC.AllocateUninitializedArray<byte>(bytes);
        for (int k = 0; k < bytes; k += 4096)
            memory[k] = 1;
    }

    private static Outcome Of(string method, string subject, double delta, double entropy) =>
        new(method, subject, [delta, entropy], new Dictionary<string, IReadOnlyList<double>>(), 0.002, subject == "x" ? 1 << 20 : double.NaN);
}
