using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Cli;

/// <summary>Tables that are longer than what is read of them at a time.</summary>
public sealed class ExplainLongTableTests
{
    private const int Rows = 2100;

    private static readonly string[] Lines = [.. File.ReadLines(Assets.Path("lending_club", "lending_club.csv")).Take(Rows + 1)];

    [TestCase("", 1024)]
    [TestCase("", 300)]
    [TestCase("5-1500,2000-2099", 1024)]
    [TestCase("2000-2099,5-1500", 1024)]
    [TestCase("1500-", 1024)]
    [TestCase("2000-,5-1500", 1024)]
    public async Task RowsKeepTheirNumbersAndCellsBesideBadOnes(string selection, int batch)
    {
        using TemporaryFolder folder = new();
        int[] bad = [0, 1023, 1024, 2048], wanted = [.. Enumerable.Range(0, Rows)];
        if (selection.Length > 0)
            wanted = [.. RowSelection.Parse(selection).Of(Rows)];
        wanted = [.. wanted.Except(bad)];
        string table = folder.Write("l.csv", string.Join('\n', Lines.Select((line, k) => bad.Contains(k - 1) ? "1,2" : line)));
        string[] rows = selection.Length > 0 ? ["--rows", selection] : [];
        (int code, string output, string error) = await Command.Run(["explain", "-m", "lending-mlp", "-i", table, "-o", folder.File("out"), "--skip-bad", "--json", "--batch", $"{batch}", .. rows]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        string[] csv = [.. File.ReadLines(Path.Combine(folder.File("out"), "relevance.csv")).Skip(1)];
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement[] all = [.. json.RootElement.GetProperty("explanations").EnumerateArray()];
        Assert.That(csv.Select(line => int.Parse(line.Split(',')[0], CultureInfo.InvariantCulture)), Is.EqualTo(wanted));
        Assert.That(all.Select(e => e.GetProperty("row").GetInt32()), Is.EqualTo(wanted));
        for (int n = 0; n < all.Length; n++)
        {
            string[] cells = Lines[wanted[n] + 1].Split(',');
            JsonElement[] features = [.. all[n].GetProperty("features").EnumerateArray()];
            if (!features.Select(f => f.GetProperty("value").GetString()).SequenceEqual(cells.SkipLast(1)) || all[n].GetProperty("label").GetString() != cells[^1])
                Assert.Fail($"row {wanted[n]} has the cells of another one");
            if (!features.Select(f => f.GetProperty("relevance").GetSingle()).SequenceEqual(csv[n].Split(',')[4..^2].Select(cell => float.Parse(cell, CultureInfo.InvariantCulture))))
                Assert.Fail($"row {wanted[n]} has other relevance in relevance.csv");
        }

        Assert.That(json.RootElement.GetProperty("relevance").GetArrayLength(), Is.EqualTo((wanted.Length + batch - 1) / batch));
        Assert.That(json.RootElement.GetProperty("ledger").GetProperty("mean").GetProperty("input").GetDouble(), Is.EqualTo(all.Average(e => e.GetProperty("ledger").GetProperty("input").GetDouble())).Within(1e-9));
        Assert.That(Directory.EnumerateFiles(folder.File("out"), "*.part"), Is.Empty);
    }

    [Test]
    public async Task TheOrderOfTheRowsChangesNothing()
    {
        using TemporaryFolder folder = new();
        string table = folder.Write("l.csv", string.Join('\n', Lines));
        Dictionary<string, double[]> ascending = await Explain("3,1030,2099"), other = await Explain("2099,3,1030");
        Assert.That(other.Keys, Is.EqualTo(new[] { "2099", "3", "1030" }));
        foreach ((string row, double[] numbers) in ascending)
            Assert.That(other[row], Is.EqualTo(numbers).Within(1e-5), row);

        async Task<Dictionary<string, double[]>> Explain(string rows)
        {
            (int code, _, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", table, "-o", folder.File("out"), "--rows", rows);
            Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
            return File.ReadLines(Path.Combine(folder.File("out"), "relevance.csv")).Skip(1).Select(line => line.Split(','))
                .ToDictionary(cells => cells[0], cells => cells[4..].Select(cell => double.Parse(cell, CultureInfo.InvariantCulture)).ToArray());
        }
    }

    [Test]
    public async Task ARowThatIsNamedTwiceIsExplainedTwice()
    {
        using TemporaryFolder folder = new();
        (int code, _, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", folder.Write("l.csv", string.Join('\n', Lines)), "-o", folder.Path, "--rows", "2000-2001,3,2001");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        string[] rows = [.. File.ReadLines(folder.File("relevance.csv")).Skip(1)];
        Assert.That(rows.Select(row => row.Split(',')[0]), Is.EqualTo(new[] { "2000", "2001", "3", "2001" }));
        Assert.That(rows[3].Split(',')[..4], Is.EqualTo(rows[1].Split(',')[..4]));
    }

    [Test]
    public async Task WhatFollowsOnARunThatFailedIsWhatItWouldHaveWritten()
    {
        using TemporaryFolder folder = new();
        string table = folder.Write("l.csv", string.Join('\n', Lines));
        Directory.CreateDirectory(folder.File("first/relevance-0003.safetensors")); // nothing can be written there
        foreach (string[] more in new string[][] { ["-o", folder.File("first")], ["-o", folder.File("second"), "--rows", "1000-"], ["-o", folder.File("whole")] })
            await Command.Run(["explain", "-m", "lending-mlp", "-i", table, "--batch", "500", .. more]);
        string[] first = await Rows("first"), second = await Rows("second"), whole = await Rows("whole");
        Assert.That(first, Has.Length.EqualTo(1001));
        Assert.That(first.Concat(second.Skip(1)), Is.EqualTo(whole));

        Task<string[]> Rows(string run) => File.ReadAllLinesAsync(folder.File($"{run}/relevance.csv"));
    }

    [TestCase(5000)]
    [TestCase(100_000)]
    public void WithoutRoomTheTableEndsWithWholePasses(int room)
    {
        using TemporaryFolder folder = new();
        ExplainRequest request = new("lending-mlp", [folder.Write("l.csv", string.Join('\n', Lines))], folder.Path) { Rows = "0-49" };
        using ResultFolder files = new(request.Output, request.Inputs);
        ExplainResult result = ExplainRun.Run(request, files, _ => { }, (_, _, _) => { }, default);
        using Report report = result.Report!;
        using TableSamples samples = (TableSamples)result.Samples;
        report.Finish(result);
        string[] whole = File.ReadAllLines(folder.File("relevance.csv"));
        using SmallDisk disk = new(room);
        RelevanceCsv csv = new(disk, k => result.Model.Classes[k], [.. samples.Preprocessing.Columns.Select(column => column.Name)], result.Explained[0]);
        int passes = 0;
        Assert.That(
            () =>
            {
                using (csv)
                {
                    for (; passes < 1000; passes++)
                        csv.Add([.. Enumerable.Range(0, 5).Select(k => (samples.Row(passes % 10 * 5 + k), result.Explained[passes % 10 * 5 + k]))]);
                }
            },
            Throws.InstanceOf<IOException>());
        string text = Encoding.UTF8.GetString(disk.ToArray());
        string[] lines = text.TrimEnd('\n').Split('\n');
        Assert.That(text, Does.EndWith("\n"));
        Assert.That(lines.Length % 5, Is.EqualTo(1));
        Assert.That(lines, Is.EqualTo(Enumerable.Range(0, lines.Length).Select(k => k == 0 ? whole[0] : whole[1 + (k - 1) % 50])));
        Assert.That(passes, Is.LessThan(1000));
    }

    [Test]
    public async Task ARunThatFailsHalfWaySaysWhatIsKept()
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(Path.Combine(folder.File("out"), "relevance-0003.safetensors")); // nothing can be written there
        (int code, _, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", folder.Write("l.csv", string.Join('\n', Lines)), "-o", folder.File("out"), "--batch", "500");
        Assert.That(code, Is.EqualTo(ExitCodes.Input), error);
        Assert.That(error, Does.Contain("Relevance of 1,000 of 2,100 inputs is kept").And.Contain("give another --out and --rows 1000-.").And.Contain("relevance-0003.safetensors"));
        Assert.That(File.ReadLines(Path.Combine(folder.File("out"), "relevance.csv")).Last(), Does.StartWith("999,"));
        (_, _, error) = await Command.Run("explain", "-m", "lending-mlp", "-i", folder.File("l.csv:5,0-2000"), "-o", folder.File("out"), "--batch", "500");
        Assert.That(error, Does.Contain("Relevance of 1,000 of 2,002 inputs is kept").And.Not.Contain("To go on"));
    }

    [Test]
    public void ACancelledRunKeepsTheRowsThatAreDone()
    {
        using TemporaryFolder folder = new();
        using CancellationTokenSource cancellation = new();
        ExplainRequest request = new("lending-mlp", [folder.Write("l.csv", string.Join('\n', Lines))], folder.File("out")) { Batch = 500 };
        using ResultFolder files = new(request.Output, request.Inputs);
        Assert.That(() => ExplainRun.Run(request, files, _ => { }, Stop, cancellation.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(File.ReadLines(Path.Combine(request.Output, "relevance.csv")).Count(), Is.EqualTo(1001));
        Assert.That(files.Has("relevance.csv") && files.Has("relevance-0002.safetensors") && !files.Has("relevance-0003.safetensors"));

        void Stop(string doing, double done, int all)
        {
            if (doing != "explaining")
                return;
            Assert.That(all, Is.EqualTo(Rows));
            if (done == 1000)
                cancellation.Cancel();
        }
    }

    [TestCase("0-9")]
    [TestCase("9,0-8")]
    public async Task RowsBehindTheLastOneThatIsAskedForAreNotRead(string rows)
    {
        using TemporaryFolder folder = new();
        string table = folder.Write("l.csv", string.Join('\n', [.. Lines, "1,2"]));
        (int code, _, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", table, "-o", folder.File("out"), "--rows", rows);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
    }

    [Test]
    [Platform("Linux")] // on Windows nobody can cut off what is being read
    public void AFileThatShrinksMeanwhileIsNamed()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("l.csv", string.Join('\n', Lines));
        CsvFile file = CsvFile.Open(path);
        using ModelPackage package = ModelPackage.Load("lending-mlp");
        TabularPreprocessing preprocessing = (TabularPreprocessing)package.Description.Preprocessing;
        using StreamedRows rows = new(file, preprocessing, TableSurvey.Of(file, preprocessing, null, new ColumnRemarks(preprocessing), null, (_, _, _) => { }, default));
        using (Process other = Process.Start("truncate", ["--size", $"{new FileInfo(path).Length / 2}", path]))
            other.WaitForExit();
        InvalidInputException e = Assert.Throws<InvalidInputException>(() =>
        {
            for (int n = 0; n < rows.Count; n += 100)
                rows.Batch(n, Math.Min(100, rows.Count - n)).Dispose();
        })!;
        Assert.That(e.Message, Does.StartWith(path));
    }

    // Takes so many bytes and no more.
    private sealed class SmallDisk(int room) : MemoryStream
    {
        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            int fits = Math.Min(buffer.Length, room - (int)Length);
            base.Write(buffer[..fits].ToArray(), 0, fits);
            if (fits < buffer.Length)
                throw new IOException("No space left on device");
        }
    }
}
