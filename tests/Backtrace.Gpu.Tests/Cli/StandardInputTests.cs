using System.Diagnostics;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Cli;

/// <summary>Inputs that come through a pipe, in a process of its own: this one has no standard input to give away.</summary>
[Platform(Exclude = "Win")] // no file there is standard input
public sealed class StandardInputTests
{
    [TestCase("-")]
    [TestCase("-:2-3")]
    public async Task ATableIsReadAsFromItsFile(string input)
    {
        using TemporaryFolder folder = new();
        string[] lines = [.. File.ReadLines(Assets.Path("lending_club", "lending_club.csv")).Take(6)];
        string table = folder.Write("t.csv", string.Join('\n', lines));
        (int code, _, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", table + input[1..], "-o", folder.File("a"));
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        (code, error) = await Explain(string.Join('\n', lines), "lending-mlp", input, folder.File("b"));
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(await File.ReadAllTextAsync(folder.File("b/relevance.csv")), Is.EqualTo(await File.ReadAllTextAsync(folder.File("a/relevance.csv"))));
    }

    [Test]
    public async Task TextsAreRead()
    {
        using TemporaryFolder folder = new();
        (int code, string error) = await Explain("a fine film\na dull one\n", "bert-tiny-sst2", "-", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(await File.ReadAllTextAsync(folder.File("out/index.html")), Does.Contain("dull"));
    }

    [Test]
    public async Task NothingIsNoTable()
    {
        using TemporaryFolder folder = new();
        (int code, string error) = await Explain("", "lending-mlp", "-", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Input));
        Assert.That(error, Does.Contain("/dev/stdin: is empty"));
    }

    [TestCase("lending-mlp", "-:0-9")]
    [TestCase("bert-tiny-sst2", "-")]
    public async Task AClosedOneIsSaidInsteadOfBeingReadForEver(string model, string input)
    {
        using TemporaryFolder folder = new();
        ProcessStartInfo start = new("/bin/sh", ["-c", "exec \"$0\" \"$@\" <&-", Path.Combine(AppContext.BaseDirectory, "backtrace"), "explain", "-m", model, "-i", input, "-o", folder.File("out")])
        {
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        using CancellationTokenSource hang = new(TimeSpan.FromMinutes(2));
        try
        {
            string error = await process.StandardError.ReadToEndAsync(hang.Token);
            await process.WaitForExitAsync(hang.Token);
            Assert.That(process.ExitCode, Is.EqualTo(ExitCodes.Input), error);
            Assert.That(error, Is.EqualTo("error: /dev/stdin: standard input is closed; name a file, or send one through a pipe.\n"));
        }
        finally
        {
            process.Kill();
        }
    }

    [Test]
    public async Task PicturesComeFromFiles()
    {
        using TemporaryFolder folder = new();
        (int code, string error) = await Explain("no picture", "mnist-mlp", "-", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Input));
        Assert.That(error, Does.Contain("/dev/stdin: is a pipe; pictures are read from files"));
    }

    private static async Task<(int Code, string Error)> Explain(string text, string model, string input, string output)
    {
        ProcessStartInfo start = new(Path.Combine(AppContext.BaseDirectory, "backtrace"), ["explain", "-m", model, "-i", input, "-o", output])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(text);
        process.StandardInput.Close();
        Task<string> shown = process.StandardOutput.ReadToEndAsync();
        string error = await process.StandardError.ReadToEndAsync();
        await shown;
        await process.WaitForExitAsync();
        return (process.ExitCode, error);
    }
}
