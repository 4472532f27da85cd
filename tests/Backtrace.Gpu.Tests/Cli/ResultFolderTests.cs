using System.Diagnostics;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class ResultFolderTests
{
    private static readonly string Loans = Assets.Path("lending_club", "lending_club.csv"), Seven = Assets.Path("mnist", "mnist_00_7.png");

    [Test]
    public async Task WhatAnEarlierRunWroteGoesAndNothingElse()
    {
        using TemporaryFolder folder = new();
        string[] first = await Explain(folder, Loans + ":0-5", "--batch", "2");
        Assert.That(first, Does.Contain("relevance-0003.safetensors").And.Contain("row-5.svg").And.Contain("average.svg"));
        folder.Write("mine.svg", "kept");
        folder.Write("row-1.svg", "changed by someone");
        string[] second = await Explain(folder, Loans + ":3");
        Assert.That(second, Is.EquivalentTo(new[] { ResultFolder.ListFile, "index.html", "relevance.csv", "relevance.safetensors", "row-3.svg", "row-1.svg", "mine.svg" }));
        Assert.That(await Explain(folder, Loans + ":3"), Is.EquivalentTo(second), "the same again changes nothing");
    }

    [Test]
    public async Task ARunThatFailsTakesNothingAway()
    {
        using TemporaryFolder folder = new();
        string[] before = await Explain(folder, Loans + ":0-1");
        (int code, _, _) = await Command.Run("explain", "-m", "lending-mlp", "-i", Loans + ":3", "-o", folder.Path, "--layers", "none");
        Assert.That(code, Is.Not.EqualTo(ExitCodes.Ok));
        Assert.That(Names(folder), Is.SupersetOf(before));
        Assert.That(await Explain(folder, Loans + ":0-1"), Is.EquivalentTo(before));
    }

    [Test]
    [Platform("Linux")] // on Windows the file that the killed run holds open cannot be replaced while this process lives
    public async Task TheFilesOfAKilledRunGoWithTheNext()
    {
        using TemporaryFolder folder = new();
        folder.Write("mine.svg", "kept");
        folder.Write("index.html", "not reached: kept");
        folder.Write("old.csv", "over");
        using (ResultFolder first = new(folder.Path, []))
        {
            first.Open();
            File.WriteAllText(first.Add("earlier.png"), "of a run that ended");
        }

        // Never disposed, as when the process ends in the middle of a file.
        ResultFolder killed = new(folder.Path, []);
        killed.Open();
        File.WriteAllText(killed.Add("a.png"), "whole");
        File.WriteAllText(killed.Add("changed.png"), "whole");
        File.WriteAllText(killed.Add("old.csv"), "written over");
        File.WriteAllText(killed.Add("half.png"), "ha");
        killed.Add("index.html");
        folder.Write("changed.png", "changed by someone afterwards");
        string journal = ResultJournal.PathOf(folder.Path), text = await Contents(journal);
        File.Delete(journal); // a file that no process holds open takes its place
        File.WriteAllText(journal, text + "{\"Name\":\"torn");

        using (ResultFolder next = new(folder.Path, []))
        {
            next.Open();
            File.WriteAllText(next.Add("b.png"), "new");
            next.RemoveEarlier();
        }

        Assert.That(Names(folder), Is.EquivalentTo(new[] { ResultFolder.ListFile, "b.png", "mine.svg", "index.html", "changed.png" }));
    }

    [Test]
    [Platform("Linux")] // as above
    public async Task WhatAKilledRunWasStillWritingGoesToo()
    {
        using TemporaryFolder folder = new();
        ResultFolder killed = new(folder.Path, []);
        killed.Open();
        string list = killed.Add("relevance.csv", grows: true);
        File.WriteAllText(list, "row");
        File.WriteAllText(killed.Add("a.png"), "whole");
        File.AppendAllText(list, ",predicted");
        string half = killed.Add("b.png");
        folder.Write($"b.png.{Guid.NewGuid():N}.tmp", "hal");
        folder.Write("b.png.tmp", "kept");
        folder.Write($"mine.png.{Guid.NewGuid():N}.tmp", "kept");
        string journal = ResultJournal.PathOf(folder.Path), text = await Contents(journal);
        File.Delete(journal);
        File.WriteAllText(journal, text);

        using (ResultFolder next = new(folder.Path, []))
        {
            next.Open();
            next.RemoveEarlier();
        }

        Assert.That(File.Exists(half), Is.False);
        Assert.That(Names(folder), Has.Length.EqualTo(2).And.Contains("b.png.tmp").And.Some.StartsWith("mine.png."));
    }

    [Test]
    public void WithoutRoomForTheListTheJournalStays()
    {
        using TemporaryFolder folder = new();
        string room = Directory.CreateDirectory(folder.File(ResultFolder.ListFile)).FullName; // nothing can be written there
        using (ResultFolder failing = new(folder.Path, []))
        {
            failing.Open();
            File.WriteAllText(failing.Add("a.png"), "whole");
        }

        Assert.That(Names(folder), Is.EquivalentTo(new[] { "a.png", Path.GetFileName(ResultJournal.PathOf(folder.Path)) }));
        Directory.Delete(room);
        using (ResultFolder next = new(folder.Path, []))
        {
            next.Open();
            next.RemoveEarlier();
        }

        Assert.That(File.Exists(folder.File("a.png")), Is.False);
    }

    [Test]
    public void AKilledRunIsRememberedByOnesThatFail()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(ResultJournal.PathOf(folder.Path), """{"Name":"a.png","Before":null,"After":null}""");
        folder.Write("a.png", "of the killed run");
        using (ResultFolder failing = new(folder.Path, []))
            failing.Open();
        Assert.That(Names(folder), Is.EquivalentTo(new[] { ResultFolder.ListFile, "a.png" }));
        using (ResultFolder next = new(folder.Path, []))
        {
            next.Open();
            next.RemoveEarlier();
        }

        Assert.That(File.Exists(folder.File("a.png")), Is.False);
    }

    [Test]
    public void TwoRunsDoNotShareAFolder()
    {
        using TemporaryFolder folder = new();
        using ResultFolder first = new(folder.Path, []), second = new(folder.Path, []);
        first.Open();
        Assert.That(second.Open, Throws.InstanceOf<IOException>().With.Message.Contains($"another run writes to {folder.Path}"));
    }

    [TestCase("not json")]
    [TestCase("""{"../outside":{"Bytes":4,"Ticks":0}}""")]
    public void AListFromElsewhereRemovesNothingOutside(string list)
    {
        using TemporaryFolder folder = new();
        string outside = folder.Write("outside", "text");
        string inner = Directory.CreateDirectory(folder.File("out")).FullName;
        File.WriteAllText(Path.Combine(inner, ResultFolder.ListFile), list.Replace("\"Ticks\":0", $"\"Ticks\":{File.GetLastWriteTimeUtc(outside).Ticks}", StringComparison.Ordinal));
        using (ResultFolder results = new(inner, []))
        {
            results.Open();
            results.RemoveEarlier();
        }

        Assert.That(File.Exists(outside));
    }

    [Test]
    public async Task InputsAreNotOverwritten()
    {
        using TemporaryFolder folder = new();
        string picture = folder.File("seven.png"), table = folder.File("relevance.csv");
        File.Copy(Seven, picture);
        File.WriteAllLines(table, File.ReadLines(Loans).Take(3));
        (int code, _, string error) = await Command.Run("explain", "-m", "mnist-mlp", "-i", folder.Path, "-o", folder.Path);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(File.ReadAllBytes(picture), Is.EqualTo(File.ReadAllBytes(Seven)));
        Assert.That(File.Exists(folder.File("seven_0.png")));
        (code, _, error) = await Command.Run("explain", "-m", "lending-mlp", "-i", table + ":0-1", "-o", folder.Path);
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain("is an input and would be overwritten"));
        Assert.That(File.ReadLines(table).Count(), Is.EqualTo(3));
    }

    [Test]
    public async Task PicturesOfLayersDoNotReplaceThoseOfInputs()
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(folder.File("other")); // names that differ in case alone are one file on Windows
        string[] inputs = [folder.File("a.png"), folder.File("a-hidden1.png"), folder.File("other/A.png")];
        foreach (string input in inputs)
            File.Copy(Seven, input);
        (int code, _, string error) = await Command.Run(["explain", "-m", "mnist-mlp", "-i", .. inputs, "-o", folder.File("out"), "--layers", "hidden1"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        string[] pictures = [.. Directory.GetFiles(folder.File("out"), "*.png").Select(Path.GetFileName).Order(StringComparer.Ordinal)!];
        Assert.That(pictures, Is.EqualTo(new[] { "A-hidden1_2.png", "A_2.png", "a-hidden1-hidden1.png", "a-hidden1.png", "a-hidden1_0.png", "a.png" }));
    }

    // This process may not read what it has opened for itself alone.
    private static async Task<string> Contents(string path)
    {
        using Process cat = Process.Start(new ProcessStartInfo("cat", [path]) { RedirectStandardOutput = true })!;
        return await cat.StandardOutput.ReadToEndAsync();
    }

    private static async Task<string[]> Explain(TemporaryFolder folder, string input, params string[] more)
    {
        (int code, _, string error) = await Command.Run(["explain", "-m", "lending-mlp", "-i", input, "-o", folder.Path, .. more]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        return Names(folder);
    }

    private static string[] Names(TemporaryFolder folder) => [.. Directory.GetFiles(folder.Path).Select(file => Path.GetFileName(file))];
}
