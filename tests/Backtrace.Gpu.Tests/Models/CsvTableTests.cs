using System.Text;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Models;

public sealed class CsvTableTests
{
    [Test]
    public void QuotesLineEndsAndByteOrderMarksAreUnderstood()
    {
        using TemporaryFolder folder = new();
        CsvTable table = CsvTable.Read(folder.Write("t.csv", "\uFEFFa, b ,c\r\n1,\"x, \"\"y\"\"\r\nz\",3\n\n4,,6"));
        Assert.Multiple(() =>
        {
            Assert.That(table.Columns, Is.EqualTo(new[] { "a", "b", "c" }));
            Assert.That(table.Rows, Has.Count.EqualTo(2));
            Assert.That(table.Rows[0], Is.EqualTo(new[] { "1", "x, \"y\"\r\nz", "3" }));
            Assert.That(table.Rows[1], Is.EqualTo(new[] { "4", "", "6" }));
            Assert.That(table.IndexOf("c"), Is.EqualTo(2));
            Assert.That(table.IndexOf("C"), Is.EqualTo(-1));
        });
    }

    [Test]
    public void AnyTextSurvivesQuoting()
    {
        using TemporaryFolder folder = new();
        Gen<string> cell = Gen.Elements('a', ',', '"', '\n', '\r', ' ').ArrayOf().Select(c => new string(c));
        Gen<string[][]> rows = cell.ArrayOf(3).NonEmptyListOf().Select(list => list.ToArray());
        Prop.ForAll(Arb.From(rows), cells =>
        {
            string text = "a,b,c\n" + string.Concat(cells.Select(row => string.Join(',', row.Select(c => $"\"{c.Replace("\"", "\"\"", StringComparison.Ordinal)}\"")) + "\n"));
            CsvTable table = CsvTable.Read(folder.Write("t.csv", text));
            return table.Rows.Count == cells.Length && table.Rows.Zip(cells).All(pair => pair.First.SequenceEqual(pair.Second));
        }).Check(Seeded.Cases(100));
    }

    [Test]
    public void CellsMayLieAcrossTheEndsOfWhatIsReadAtATime()
    {
        using TemporaryFolder folder = new();
        for (int length = (1 << 16) - 12; length < (1 << 16) + 2; length++)
        {
            string pad = new('p', length);
            CsvTable table = CsvTable.Read(folder.Write("t.csv", $"a,b\r\n{pad},\"\"\"x\"\"\"\r\n1,\"\"\r\n"));
            Assert.That(table.Rows, Is.EqualTo(new[] { new[] { pad, "\"x\"" }, new[] { "1", "" } }));
        }
    }

    [TestCase("", "is empty", null)]
    [TestCase("\n\r\n", "is empty", null)]
    [TestCase("a,b\n", "no rows", null)]
    [TestCase("\na,b,a\n1,2,3\n", "column 'a' more than once", 2)]
    [TestCase("a,,\n1,2,3\n", "more than one column without a name", 1)]
    [TestCase("a,b\n1,2\n3\n", "has 1 cell, the header has 2", 3)]
    [TestCase("a,b\n\"1\n\n1\",2\n\n1,2,3\n", "has 3 cells, the header has 2", 6)]
    [TestCase("a,b\n1,2\n1,\"2\n3,4\n", "quoted cell begins here", 3)]
    [TestCase("a,b\n1,2\n1,\"2\" 3\n", "more behind its closing quote", 3)]
    [TestCase("a,b\n1,\"2\n3,\"4\n5,\"6\n", "more behind its closing quote", 2)]
    [TestCase("a;b\n1;2\n", "separated by semicolons", 1)]
    [TestCase("a\tb\n1\t2\n", "separated by tabs", 1)]
    [TestCase("a,b\n1,\0\n", "zero character", 2)]
    public void BrokenFilesAreRefused(string text, string problem, int? line)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("t.csv", text);
        InvalidInputException e = Assert.Throws<InvalidInputException>(() => CsvTable.Read(path))!;
        Assert.Multiple(() =>
        {
            Assert.That(e.Message, Does.Contain(problem).And.StartWith(path));
            Assert.That(e.Line, Is.EqualTo(line));
        });
    }

    [TestCase("\n")]
    [TestCase("\r\n")]
    [TestCase("\r")]
    public void BadRowsThatAreKeptSpoilNoOthers(string end)
    {
        using TemporaryFolder folder = new();
        string[] lines =
        [
            "a,b,c", "1,2,3", "1,2", "\"x", "y\",\"open,3", "4,5,6", "\"7\"7,8,9", "a\"b,\"\"\"q\"\"\", \"c\"", "\"q\",caf\u00e9,1", "1,\"2", "", "\"x\",2,3", "\"1\",\"2\",\"3", "4,5,6",
        ];
        CsvTable table = CsvTable.Read(folder.Write("t.csv", Encoding.Latin1.GetBytes(string.Join(end, lines))), keepBad: true);
        (int Line, string? Fault)[] rows = [.. Enumerable.Range(0, table.Rows.Count).Select(row => (table.LineOf(row), table.FaultOf(row)?.Message.Split("t.csv, ")[1][..11]))];
        Assert.That(rows, Is.EqualTo(new (int, string?)[]
        {
            (2, null), (3, "line 3: has"), (4, "line 5: a q"), (6, null), (7, "line 7: a q"), (8, null), (9, "line 9: is "), (10, "line 10: a "), (12, null), (13, "line 13: a "), (14, null),
        }));
        Assert.That(table.Rows[5], Is.EqualTo(new[] { "a\"b", "\"q\"", " \"c\"" }));
        Assert.That(table.Rows[8], Is.EqualTo(new[] { "x", "2", "3" }));
        Assert.That(table.Rows[^1], Is.EqualTo(new[] { "4", "5", "6" }));
        Assert.That(table.Take([1, 0]).FaultOf(0), Is.SameAs(table.FaultOf(1)));
    }

    [Test]
    public void GoodTablesAreReadAlikeWhetherBadRowsAreKeptOrNot()
    {
        using TemporaryFolder folder = new();
        Gen<string> cell = Gen.Elements("1", "", "\"\"", "\"a\nb\"", "\"\"\"\r\n,\"", "c\"d", "\u00e9", "\" \" ");
        Gen<string[][]> rows = cell.ArrayOf(3).NonEmptyListOf().Select(list => list.ToArray());
        Prop.ForAll(Arb.From(rows), cells =>
        {
            string path = folder.Write("t.csv", "a,b,c\r\n" + string.Join("\r\n", cells.Select(row => string.Join(',', row))));
            CsvTable kept = CsvTable.Read(path, keepBad: true), strict = CsvTable.Read(path);
            return kept.Rows.Count == strict.Rows.Count && Enumerable.Range(0, kept.Rows.Count).All(row => kept.FaultOf(row) is null && kept.LineOf(row) == strict.LineOf(row) && kept.Rows[row].SequenceEqual(strict.Rows[row]));
        }).Check(Seeded.Cases(100));
    }

    [TestCase("\n")]
    [TestCase("\r\n")]
    [TestCase("\r")]
    public void RowsKnowTheirLines(string end)
    {
        using TemporaryFolder folder = new();
        CsvTable table = CsvTable.Read(folder.Write("t.csv", string.Join(end, "a,b", "1,2", "", "\"x", "y\",3", "4,5")));
        Assert.That(table.Take([2, 0, 1]).Rows.Select(row => row[1]), Is.EqualTo(new[] { "5", "2", "3" }));
        Assert.That(Enumerable.Range(0, 3).Select(table.Take([2, 0, 1]).LineOf), Is.EqualTo(new[] { 6, 2, 4 }));
    }

    [Test]
    public void AMissingFileIsNamed() =>
        Assert.That(() => CsvTable.Read("/nowhere/t.csv"), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("/nowhere/t.csv"));
}
