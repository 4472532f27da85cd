using System.Globalization;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Cli;

/// <summary>Runs that end early: what they keep, and what they say of how to go on, give together what an undisturbed run gives.</summary>
public sealed class ExplainInterruptedTests
{
    private const string Table = "lending_club/lending_club.csv";

    [TestCase("", false, "--rows 20-")]
    [TestCase(":5-44", true, "--rows 25-44")]
    [TestCase(":1-3,10-32,40", true, "--rows 27-32,40")]
    public async Task RowsGoOn(string rows, bool isNamed, string left)
    {
        using TemporaryFolder folder = new();
        string table = folder.Write("l.csv", string.Join('\n', File.ReadLines(Assets.Path(Table)).Take(51)));
        await GoesOn(folder, ["-m", "lending-mlp", "--batch", "10"], table + rows, table, 3, isNamed ? $"{left}, and --input {table} without its rows" : left);
    }

    [Test]
    public async Task PicturesGoOn()
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(folder.File("in"));
        foreach (string file in Directory.EnumerateFiles(Assets.Path("mnist"), "*.png").Order(StringComparer.Ordinal).Take(7))
            File.Copy(file, Path.Combine(folder.File("in"), Path.GetFileName(file)));
        await GoesOn(folder, ["-m", "mnist-mlp", "--batch", "2"], folder.File("in"), folder.File("in"), 3, "--rows 4-");
        Assert.That(Directory.EnumerateFiles(folder.File("broken"), "*.png").Count(), Is.EqualTo(4));
    }

    [Test]
    public void TextsBehindABlockWaitUntilItIsDone()
    {
        int[] lengths = [5, 3, 4, 4, 2];
        TextSamples samples = new([.. lengths.Select((length, k) => (new TextLine("", "t.txt", k + 1), new TokenizedText("", new long[length], new string[length])))], _ => [], block: 2);
        Assert.Multiple(() =>
        {
            Assert.That(Enumerable.Range(0, 5).Select(samples.Input), Is.EqualTo(new[] { 1, 0, 2, 3, 4 }));
            Assert.That(Enumerable.Range(0, 5).Select(samples.RowAfter), Is.EqualTo(new[] { 0, 0, 2, 3, 4 }), "where to go on");
            Assert.That(samples.Together(0, 8), Is.EqualTo(1));
            Assert.That(samples.Together(2, 8), Is.EqualTo(2));
        });
    }

    [Test]
    public async Task TextsGoOn()
    {
        using TemporaryFolder folder = new();
        // The second block of 4,096 texts is interrupted: its texts are explained again, those of the first block are not.
        string texts = folder.Write("t.txt", string.Join('\n', Enumerable.Range(0, 6000).Select(n => n % 5 == 4 ? "" : string.Join(' ', Enumerable.Repeat("fine", 1 + n * 7 % 3)))));
        await GoesOn(folder, ["-m", "bert-tiny-sst2", "--batch", "2048"], texts, texts, 5, "--rows 5120-");
    }

    [Test]
    public async Task PromptsGoOn()
    {
        using TemporaryFolder folder = new();
        string texts = folder.Write("t.txt", "Once\n\nThe cat\nA dog\nSo");
        await GoesOn(folder, ["-m", "stories260k"], texts, texts, 3, "--rows 3-");
    }

    [Test]
    public async Task WhatWasGeneratedAndNotExplainedIsSaid()
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(Path.Combine(folder.File("out"), "relevance-0004.safetensors")); // nothing can be written there
        (int code, _, string error) = await Command.Run("explain", "-m", "stories260k", "--text", "Once upon a", "The cat", "--generate", "3", "-o", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Input), error);
        Assert.That(error, Does.Contain("text 2: not all of what was generated was explained. 3 tokens: \"").And.Not.Contain("text 1: not all"));
    }

    [TestCase("relevance-0001.safetensors")]
    [TestCase("relevance.csv")]
    [TestCase("row-3.svg")]
    public async Task OfAFirstPassThatFailsNothingIsKept(string file)
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(Path.Combine(folder.File("out"), file)); // nothing can be written there
        (int code, _, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", Assets.Path(Table) + ":0-99", "--batch", "10", "-o", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Input), error);
        Assert.That(error, Does.Contain($"Nothing is kept in {folder.File("out")}: no pass was finished."));
        Assert.That(Directory.EnumerateFiles(folder.File("out"), "r*"), Is.Empty);
    }

    [Test]
    public async Task FilesAreReplacedWholeNotInPlace()
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(folder.File("out"));
        string[] names = ["index.html", "mnist_00_7.png", "mnist_00_7.svg"];
        foreach (string name in names)
            File.CreateSymbolicLink(Path.Combine(folder.File("out"), name), folder.Write($"old-{name}", "old"));
        (int code, _, string error) = await Command.Run("explain", "-m", "mnist-mlp", "-i", Assets.Path("mnist", "mnist_00_7.png"), "-o", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(names.Select(name => File.ReadAllText(folder.File($"old-{name}"))), Is.All.EqualTo("old"));
    }

    private static async Task GoesOn(TemporaryFolder folder, string[] options, string input, string file, int pass, string left)
    {
        string broken = folder.File("broken"), rest = folder.File("rest"), whole = folder.File("whole");
        Assert.That((await Command.Run(["explain", .. options, "-i", input, "-o", whole])).Code, Is.EqualTo(ExitCodes.Ok));
        Directory.CreateDirectory(Path.Combine(broken, $"relevance-{pass:0000}.safetensors")); // nothing can be written there
        (int code, _, string error) = await Command.Run(["explain", .. options, "-i", input, "-o", broken]);
        Assert.That(code, Is.EqualTo(ExitCodes.Input), error);
        Assert.That(error, Does.Contain($"To go on, give another --out and {left}."));
        (code, _, error) = await Command.Run(["explain", .. options, "-i", file, "-o", rest, "--rows", left.Split(' ')[1].TrimEnd(',')]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(Directory.EnumerateFiles(broken, "*.safetensors").Count(), Is.EqualTo(pass - 1));
        // Texts of a block that was interrupted are in both.
        Assert.That(Results(broken).Concat(Results(rest)).Distinct().Order(), Is.EqualTo(Results(whole).Order()));
    }

    // The lines of relevance.csv or explained.csv; those that name a file, with their part of it instead.
    private static IEnumerable<string> Results(string folder)
    {
        string[] lines = File.ReadAllLines(Directory.EnumerateFiles(folder, "*.csv").Single());
        if (!lines[0].EndsWith(",file,index", StringComparison.Ordinal))
        {
            // Rows of the files are those of the table.
            Assert.That(Directory.EnumerateFiles(folder, "*.safetensors").Sum(file => Samples(file).Length), Is.EqualTo(lines.Length - 1));
            return lines;
        }

        return lines.Select((line, k) => k == 0 ? line : string.Join(',', [.. line.Split(',')[..^2], Part(line.Split(',')[^2], int.Parse(line.Split(',')[^1], CultureInfo.InvariantCulture))]));

        string Part(string file, int index) => Samples(Path.Combine(folder, file))[index];
    }

    // The relevance of each sample of a file, as text.
    private static string[] Samples(string path)
    {
        using SafeTensorsFile file = new(path);
        float[] relevance = file.Read<float>("input.0");
        int length = relevance.Length / (int)file["input.0"].Shape[0];
        return [.. relevance.Chunk(length).Select(sample => string.Join(' ', sample))];
    }
}
