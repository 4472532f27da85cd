using System.Globalization;
using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class ExplainTableTests
{
    private static readonly string Loans = Assets.Path("lending_club", "lending_club.csv");

    [Test]
    public async Task RowsBecomeRankedFeatures()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", Loans + ":3-7", "-o", folder.Path, "--batch", "2", "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement[] all = [.. json.RootElement.GetProperty("explanations").EnumerateArray()];
        using Explanation last = Explanation.Load(folder.File("relevance-0003.safetensors"));
        string[] table = File.ReadAllLines(folder.File("relevance.csv"));
        Assert.Multiple(() =>
        {
            Assert.That(all.Select(e => e.GetProperty("row").GetInt32()), Is.EqualTo(new[] { 3, 4, 5, 6, 7 }));
            foreach (JsonElement e in all)
            {
                JsonElement ledger = e.GetProperty("ledger");
                double features = e.GetProperty("features").EnumerateArray().Sum(f => f.GetProperty("relevance").GetDouble());
                Assert.That(features, Is.EqualTo(ledger.GetProperty("input").GetDouble()).Within(1e-5));
                Assert.That(features + ledger.GetProperty("bias").GetDouble() + ledger.GetProperty("dropped").GetDouble(), Is.EqualTo(1).Within(1e-5));
                Assert.That(e.GetProperty("probabilities").EnumerateArray().Sum(p => p.GetDouble()), Is.EqualTo(1).Within(1e-9));
                Assert.That(e.GetProperty("label").GetString(), Is.AnyOf("good", "bad"));
            }

            Assert.That(all[0].GetProperty("features").GetArrayLength(), Is.EqualTo(22));
            Assert.That(last.Input.shape, Is.EqualTo(new long[] { 1, 110 }));
            Assert.That(table, Has.Length.EqualTo(6));
            Assert.That(table[0], Does.StartWith("row,predicted,probability,explained,funded_amnt,"));
            Assert.That(File.Exists(folder.File("row-3.svg")) && File.Exists(folder.File("average.svg")) && File.Exists(folder.File("index.html")));
        });
    }

    [TestCase("backtrace")]
    [TestCase("faithful")]
    public async Task SharesOfTheTableAddUpToOne(string rules)
    {
        using TemporaryFolder folder = new();
        (int code, _, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", Loans + ":0-4", "-o", folder.Path, "--rules", rules);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        foreach (string row in File.ReadLines(folder.File("relevance.csv")).Skip(1))
            Assert.That(Math.Abs(row.Split(',').Skip(4).Sum(cell => double.Parse(cell, CultureInfo.InvariantCulture))), Is.EqualTo(1).Within(1e-4));
    }

    [Test]
    public async Task RowsCanBeAnOption()
    {
        using TemporaryFolder folder = new();
        (int code, string output, _) = await Command.Run("explain", "-m", "lending-mlp", "-i", Loans, "--rows", "0,9856", "-o", folder.Path, "--target", "bad");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok));
        Assert.That(output, Does.Contain("row 0 ").And.Contain("row 9856").And.Contain("explained: bad"));
    }

    [Test]
    public async Task OnlyTheWantedRowsMustBeReadableAndNoneNeedsAClass()
    {
        using TemporaryFolder folder = new();
        string[] lines = [.. File.ReadLines(Loans).Take(5)];
        int target = Array.IndexOf(lines[0].Split(','), lines[0].Split(',').Single(name => name.Equals("class", StringComparison.OrdinalIgnoreCase)));
        string table = folder.Write("l.csv", string.Join('\n', [lines[0], With(lines[1], target, ""), With(lines[2], target, "NA"), lines[3], With(lines[4], 0, "much")]));
        (int code, string output, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", table + ":0-2", "-o", folder.File("out"), "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(Labels(output).Select(label => label.Value is null), Is.EqualTo(new[] { true, true, false }));

        (code, _, error) = await Command.Run("explain", "-m", "lending-mlp", "-i", table, "-o", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Input));
        Assert.That(error, Does.Contain("l.csv, line 5, ").And.Contain("'much' is not a number"));

        (code, output, error) = await Command.Run("explain", "-m", "lending-mlp", "-i", table, "--rows", "1,3,2", "-o", folder.File("out"), "--skip-bad", "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(error, Does.Contain("skipped: ").And.Contain("line 5"));
        Assert.That(Labels(output).Select(label => label.Row), Is.EqualTo(new[] { 1, 2 }));

        (code, _, error) = await Command.Run("explain", "-m", "lending-mlp", "-i", table + ":3", "-o", folder.File("out"), "--skip-bad");
        Assert.That(code, Is.EqualTo(ExitCodes.Input), "nothing is left");
    }

    [Test]
    public async Task BadRowsAreSkippedWithTheirLinesAndRowsKeepTheirNumbers()
    {
        using TemporaryFolder folder = new();
        string[] lines = [.. File.ReadLines(Loans).Take(4)];
        string table = folder.Write("l.csv", string.Join('\n', [lines[0], lines[1], "1,2,3", lines[2], With(lines[1], 2, "much"), "\"open,2", lines[3], "1,\"2"]));
        (int code, string output, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", table, "-o", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Input), "without --skip-bad");
        Assert.That(error, Does.Contain("l.csv, line 3: has 3 cells"));

        (code, output, error) = await Command.Run("explain", "-m", "lending-mlp", "-i", table, "-o", folder.File("out"), "--skip-bad", "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(Labels(output).Select(label => label.Row), Is.EqualTo(new[] { 0, 2, 5 }));
        using JsonDocument json = JsonDocument.Parse(output);
        string[] skipped = [.. json.RootElement.GetProperty("skipped").EnumerateArray().Select(message => message.GetString()!)];
        string[] begin = ["line 3: has 3 cells, the header has 23", "line 5, column 'int_rate': 'much'", "line 6: a quoted cell", "line 8: a quoted cell"];
        Assert.That(skipped, Has.Length.EqualTo(begin.Length));
        Assert.Multiple(() =>
        {
            foreach ((string message, string wanted) in skipped.Zip(begin))
                Assert.That(message, Does.Contain($"l.csv, {wanted}"));
            Assert.That(error.TrimEnd().Split('\n'), Is.EqualTo(skipped.Select(message => "skipped: " + message)));
            Assert.That(File.ReadLines(Path.Combine(folder.File("out"), "relevance.csv")).Skip(1).Select(line => line.Split(',')[0]), Is.EqualTo(new[] { "0", "2", "5" }));
            Assert.That(File.ReadAllText(Path.Combine(folder.File("out"), "index.html")), Does.Contain("4 inputs left out").And.Contain("line 3: has 3 cells"));
        });

        (code, output, error) = await Command.Run("explain", "-m", "lending-mlp", "-i", table, "--rows", "1-2", "-o", folder.File("out"), "--skip-bad");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain("1 input left out").And.Contain("1 explanation of"));
    }

    [Test]
    public async Task GapsAndUnknownWordsAreSaid()
    {
        using TemporaryFolder folder = new();
        string[] words = ["up", "down"], answers = ["no", "yes"];
        string data = folder.Write("t.csv", "x,way,class\n" + string.Concat(Enumerable.Range(0, 200).Select(k => $"{(k == 0 ? "NA" : $"{k}")},{words[k / 2 % 2]},{answers[k % 2]}\n")));
        string model = folder.File("model"), odd = folder.Write("odd.csv", "x,way\n,up\n\"?\",\"side\n\u001bways\"\n7,down\n");
        (int code, string output, string error) = await Command.Run("train", "tabular", "--data", data, "--out", model, "--epochs", "1");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain("column 'x': 1 cell is missing and takes the mean"));
        (code, output, error) = await Command.Run("explain", "-m", model, "-i", odd, "-o", folder.File("out"), "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(error, Does.Contain("column 'x': 2 missing cells take the mean").And.Contain("column 'way': 1 cell counts as 'other': 'side \ufffdways' is none"));
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.That(json.RootElement.GetProperty("explanations")[0].GetProperty("features")[0].GetProperty("relevance").GetDouble(), Is.Zero, "the mean is nothing");
        (_, _, error) = await Command.Run("explain", "-m", model, "-i", odd + ":2", "-o", folder.File("out"));
        Assert.That(error, Is.Empty);
    }

    [Test]
    public async Task AMissingColumnIsNamed()
    {
        using TemporaryFolder folder = new();
        string[] lines = [.. File.ReadLines(Loans).Take(3).Select(line => line[(line.IndexOf(',', StringComparison.Ordinal) + 1)..])];
        (int code, _, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", folder.Write("l.csv", string.Join('\n', lines)), "-o", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Input));
        Assert.That(error, Does.Contain("funded_amnt"));
    }

    private static string With(string line, int cell, string text)
    {
        string[] cells = line.Split(',');
        cells[cell] = text;
        return string.Join(',', cells);
    }

    private static (int Row, string? Value)[] Labels(string output)
    {
        using JsonDocument json = JsonDocument.Parse(output);
        return [.. json.RootElement.GetProperty("explanations").EnumerateArray().Select(e => (e.GetProperty("row").GetInt32(), e.TryGetProperty("label", out JsonElement label) ? label.GetString() : null))];
    }
}
