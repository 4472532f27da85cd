using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Models;

public sealed class CsvFileTests
{
    // Longer than what is read at a time, so that lines lie across its ends.
    [TestCase("\n")]
    [TestCase("\r\n")]
    [TestCase("\r")]
    public void LongTablesAreReadInPartsAndAgain(string end)
    {
        using TemporaryFolder folder = new();
        using CsvFile file = CsvFile.Open(folder.Write("t.csv", "a,b" + string.Concat(Enumerable.Range(0, 30_000).Select(k => $"{end}{k},{k * 7L}"))));
        foreach (int most in new[] { 30_001, 1024, 7 })
        {
            int row = 0;
            for (CsvTable part = file.Read(most); part.Rows.Count > 0; part = file.Read(most))
            {
                for (int k = 0; k < part.Rows.Count; k++, row++)
                {
                    if (part.Rows[k] is not [var a, var b] || a != $"{row}" || b != $"{row * 7L}" || part.LineOf(k) != row + 2)
                        Assert.Fail($"row {row}: {string.Join('|', part.Rows[k])} on line {part.LineOf(k)}");
                }
            }

            Assert.That(row, Is.EqualTo(30_000));
            file.Rewind();
        }

        Assert.That(file.Columns, Is.EqualTo(new[] { "a", "b" }));
    }

    [Test]
    public void QuotesDoNotMatterToWhatNeedsNone()
    {
        using TemporaryFolder folder = new();
        Gen<string> cell = Gen.Elements("", "1", "-2.5e3", "a b", " c ", "\u00e9", "d;e", "f\tg");
        Gen<string[][]> rows = cell.ArrayOf(3).NonEmptyListOf().Select(list => list.Where(row => row.Any(c => c.Length > 0)).Append(["x", "y", "z"]).ToArray());
        Prop.ForAll(Arb.From(rows.Zip(Gen.Elements("\n", "\r\n", "\r"))), pair =>
        {
            (string[][] cells, string end) = pair;
            using CsvFile plain = Table(row => string.Join(',', row)), quoted = Table(row => string.Join(',', row.Select(c => $"\"{c}\"")));
            CsvTable a = plain.Read(int.MaxValue), b = quoted.Read(int.MaxValue);
            return a.Rows.Count == cells.Length && b.Rows.Count == cells.Length
                && Enumerable.Range(0, cells.Length).All(row => a.Rows[row].SequenceEqual(cells[row]) && b.Rows[row].SequenceEqual(cells[row]) && a.LineOf(row) == b.LineOf(row));

            CsvFile Table(Func<string[], string> line) => CsvFile.Open(folder.Write($"{Guid.NewGuid():N}.csv", "p,q,r" + end + string.Join(end, cells.Select(line))));
        }).Check(Seeded.Cases(100));
    }

    [Test]
    public void AFaultIsMetWhereItIs()
    {
        using TemporaryFolder folder = new();
        using CsvFile file = CsvFile.Open(folder.Write("t.csv", "a,b\n1,2\n3,4\n5\n6,\"7"));
        Assert.That(file.Read(2).Rows, Has.Count.EqualTo(2));
        Assert.That(() => file.Read(2), Throws.TypeOf<InvalidInputException>().With.Property(nameof(InvalidInputException.Line)).EqualTo(4));
        using CsvFile kept = CsvFile.Open(file.Path, keepBad: true);
        CsvTable all = kept.Read(9);
        Assert.That(Enumerable.Range(0, 4).Select(row => all.FaultOf(row)?.Line), Is.EqualTo(new int?[] { null, null, 4, 5 }));
    }
}
