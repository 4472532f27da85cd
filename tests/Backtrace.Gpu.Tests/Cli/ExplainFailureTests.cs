using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class ExplainFailureTests
{
    private const string Picture = "mnist/mnist_00_7.png", Table = "lending_club/lending_club.csv";

    [TestCase(ExitCodes.Model, "resnet9000", Picture, "", "mnist-mlp")]
    [TestCase(ExitCodes.Input, "mnist-mlp", "nowhere.png", "", "nowhere.png")]
    [TestCase(ExitCodes.Input, "mnist-mlp", "models/mnist-mlp", "", "no pictures")]
    [TestCase(ExitCodes.Usage, "mnist-mlp", Picture, "--device tpu", "tpu")]
    [TestCase(ExitCodes.Usage, "mnist-mlp", Picture, "--device cpu:1", "cpu:1")]
    [TestCase(ExitCodes.Device, "mnist-mlp", Picture, "--device cuda:99", "99")]
    [TestCase(ExitCodes.Usage, "mnist-mlp", Picture, "--dtype fp8", "fp8")]
    [TestCase(ExitCodes.Usage, "mnist-mlp", Picture, "--weights bf16", "is for Llama models; mnist-mlp")]
    [TestCase(ExitCodes.Usage, "mnist-mlp", Picture, "--weights fp8", "fp8")]
    [TestCase(ExitCodes.Usage, "mnist-mlp", Picture, "--recompute", "--recompute runs the blocks of a network a second time, but mnist-mlp is not built of blocks.")]
    [TestCase(ExitCodes.Usage, "mnist-mlp", Picture, "--target 10", "0 to 9")]
    [TestCase(ExitCodes.Usage, "mnist-mlp", Picture, "--target -1", "0 to 9")]
    [TestCase(ExitCodes.Usage, "lending-mlp", Table, "--target ugly", "good, bad")]
    [TestCase(ExitCodes.Usage, "mnist-mlp", Picture, "--layers hidden1,hidden7", "hidden7")]
    [TestCase(ExitCodes.Usage, "mnist-mlp", Picture, "--rows 0-3", "--rows: picture 3 does not exist; there is 1 picture, counted from 0.")]
    [TestCase(ExitCodes.Usage, "mnist-mlp", Picture, "--batch 0", "between")]
    [TestCase(ExitCodes.Usage, "mnist-mlp", Picture, "--batch two", "--batch must be a whole number between 1 and 1048576, not 'two'")]
    [TestCase(ExitCodes.Usage, "lending-mlp", Table, "--rows 5-1", "5-1")]
    [TestCase(ExitCodes.Usage, "lending-mlp", Table, "--rows 0-9857", "9857")]
    [TestCase(ExitCodes.Usage, "lending-mlp", Table, "--rows 9800-,20000-", "row 20000 does not exist; there are 9,857 rows, counted from 0 to 9856.")]
    [TestCase(ExitCodes.Usage, "lending-mlp", Table, "--rows all", "--rows: 'all' is no number and no range; 0-9")]
    [TestCase(ExitCodes.Input, "lending-mlp", Picture, "", "is no text file")]
    [TestCase(ExitCodes.Input, "lending-mlp", "", "", "is a folder")]
    public async Task EachFailureHasItsCodeAndOneClearLine(int expected, string model, string input, string options, string said)
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run(
            ["explain", "-m", model, "-i", Assets.Path(input), "-o", folder.File("out"), .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        Assert.Multiple(() =>
        {
            Assert.That(code, Is.EqualTo(expected), error);
            Assert.That(error, Does.Contain(said).And.Not.Contain("   at "));
            if (expected != ExitCodes.Usage)
            {
                Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
                Assert.That(output, Is.Empty);
            }
        });
    }

    [TestCase(ExitCodes.Usage, "hidden7", "--layers", "hidden7")]
    [TestCase(ExitCodes.Usage, "is an input and would be overwritten")]
    public async Task WhatOtherPassesWouldNotChangeIsSaidAlone(int expected, string said, params string[] options)
    {
        using TemporaryFolder folder = new();
        File.Copy(Assets.Path(Picture), folder.File("a.png"));
        folder.Write("relevance.safetensors", "of another");
        (int code, _, string error) = await Command.Run(["explain", "-m", "mnist-mlp", "-i", folder.Path, "-o", folder.Path, .. options]);
        Assert.That(code, Is.EqualTo(expected));
        Assert.That(error, Does.Contain(said).And.Not.Contain("is kept"));
    }

    [TestCase("--rows: line 2 does not exist; there are 2 lines, counted from 0 to 1.", "-i")]
    [TestCase("--rows: text 2 does not exist; there are 2 texts, counted from 0 to 1.", "--text")]
    public async Task RowsBeyondTheTextsAreCalledByWhatTheyAre(string said, string option)
    {
        using TemporaryFolder folder = new();
        string[] texts = option == "-i" ? [folder.Write("t.txt", "fine\nbad\n")] : ["fine", "bad"];
        (int code, _, string error) = await Command.Run(["explain", "-m", "bert-tiny-sst2", option, .. texts, "--rows", "2", "-o", folder.File("out")]);
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain(said));
    }

    [Test]
    public async Task ResultsAreNoStream()
    {
        (int code, _, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", Assets.Path(Table), "--rows", "0", "-o", "-");
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain("--out: results are several files"));
        Assert.That(Directory.Exists("-"), Is.False);
    }

    [Test]
    public async Task AConsoleThatFailsBehindThePageIsAllThatIsSaid()
    {
        using TemporaryFolder folder = new();
        using BrokenWriter output = new();
        using StringWriter error = new();
        int code = await CommandLine.RunAsync(["explain", "-m", "lending-mlp", "-i", Assets.Path(Table), "--rows", "0-9", "-o", folder.Path], output, error);
        Assert.That(code, Is.EqualTo(ExitCodes.Input));
        Assert.That(error.ToString(), Does.Contain("Broken pipe").And.Not.Contain("is kept"));
        Assert.That(File.Exists(folder.File("index.html")));
    }

    [Test]
    public async Task AnEmptyNameIsNoFile()
    {
        using TemporaryFolder folder = new();
        (int code, _, string error) = await Command.Run("explain", "-m", "lending-mlp", "-i", "", "-o", folder.Path);
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain("--input: a file's name is empty"));
    }

    [TestCase("explain", "-m", "lending-mlp", "-i", Table)]
    [TestCase("evaluate", "tabular")]
    [TestCase("demo")]
    public async Task AnEmptyNameIsNoFolder(params string[] command)
    {
        (int code, _, string error) = await Command.Run([.. command.Select(part => part == Table ? Assets.Path(Table) + ":0" : part), "--out", ""]);
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain("--out: the name of the folder is empty."));
    }

    [TestCase(ExitCodes.Usage, "bert-tiny-sst2", "No text was given")]
    [TestCase(ExitCodes.Usage, "mnist-mlp", "No input was given")]
    [TestCase(ExitCodes.Usage, "resnet20", "--text is for", "--text", "a cat")]
    [TestCase(ExitCodes.Usage, "bert-tiny-sst2", "--generate is for", "--text", "fine", "--generate", "3")]
    [TestCase(ExitCodes.Usage, "stories260k", "leave --target out", "--text", "Once", "--generate", "3", "--target", "7")]
    [TestCase(ExitCodes.Usage, "stories260k", "between 1", "--text", "Once", "--generate", "0")]
    [TestCase(ExitCodes.Usage, "stories260k", "512", "--text", "Once", "--target", "supercalifragilistic")]
    [TestCase(ExitCodes.Usage, "bert-tiny-sst2", "once", "--text", "fine", "--input", "x.txt")]
    [TestCase(ExitCodes.Usage, "bert-tiny-sst2", "contrary", "--text", "fine", "--mode", "contrary")]
    [TestCase(ExitCodes.Input, "bert-tiny-sst2", "nowhere.txt", "--input", "nowhere.txt")]
    [TestCase(ExitCodes.Input, "bert-tiny-sst2", "text 1 is empty", "--text", " ")]
    [TestCase(ExitCodes.Input, "bert-tiny-sst2", "text 1 has nothing that the model reads", "--text", "[SEP]")]
    [TestCase(ExitCodes.Usage, "bert-tiny-sst2", "a\ufffdb", "--text", "fine", "--target", "a\u202eb")]
    [TestCase(ExitCodes.Input, "shakespeare-lstm", "text 1 cannot be used", "--text", "5 \u20ac")]
    public async Task ATextThatDoesNotFitIsSaidInOneLine(int expected, string model, string said, params string[] options)
    {
        using TemporaryFolder folder = new();
        (int code, _, string error) = await Command.Run(["explain", "-m", model, "-o", folder.File("out"), .. options]);
        Assert.That(code, Is.EqualTo(expected), error);
        Assert.That(error, Does.Contain(said).And.Not.Contain("   at "));
    }

    [Test]
    public async Task HelpShowsExamples()
    {
        (int code, string output, _) = await Command.Run("explain", "--help");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok));
        Assert.That(output, Does.Contain("backtrace explain --model resnet20 --input").And.Contain("--skip-bad"));
    }

    private sealed class BrokenWriter : StringWriter
    {
        public override void WriteLine(string? value) => throw new IOException("Broken pipe");
    }
}
