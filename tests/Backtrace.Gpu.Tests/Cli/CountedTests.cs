using System.Text.RegularExpressions;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Cli;

public sealed partial class CountedTests
{
    [TestCase(0, "0 rows")]
    [TestCase(1, "1 row")]
    [TestCase(2, "2 rows")]
    [TestCase(1_234_567, "1,234,567 rows")]
    public void NounsAgreeWithTheirNumbers(int count, string text) => Assert.That(Counted.Of(count, "row"), Is.EqualTo(text));

    [Test]
    public void OtherPluralsAreNamed() =>
        Assert.That((Counted.Of(1, "entry is", "entries are"), Counted.Noun(2, "entry is", "entries are")), Is.EqualTo(("1 entry is", "entries are")));

    [TestCase("explain", "-m", "lending-mlp", "--rows", "3", "--layers", "fc4", "-i", "{loans}")]
    [TestCase("explain", "-m", "resnet20", "--layers", "linear", "-i", "{photo}")]
    [TestCase("explain", "-m", "bert-tiny-sst2", "--text", "fine")]
    [TestCase("explain", "-m", "stories260k", "--generate", "1", "--text", "Once")]
    [TestCase("evaluate", "tabular", "--samples", "1", "--methods", "gradient", "--metrics", "deletion")]
    [TestCase("evaluate", "image", "--samples", "1", "--methods", "gradient", "--metrics", "deletion", "--model", "resnet20")]
    [TestCase("evaluate", "text", "--samples", "1", "--methods", "gradient", "--metrics", "deletion", "--model", "lstm-sst2")]
    public async Task OneOfSomethingIsNotCalledSeveral(params string[] arguments)
    {
        using TemporaryFolder folder = new();
        string[] known = [.. arguments.Select(argument => argument switch
        {
            "{loans}" => Assets.Path("lending_club", "lending_club.csv"),
            "{photo}" => Assets.Path("cifar10", "cifar10_00_3.png"),
            _ => argument,
        })];
        (int code, string output, string error) = await Command.Run([.. known, "--out", folder.File("out")]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        string[] pages = [.. Directory.EnumerateFiles(folder.File("out")).Where(file => Path.GetExtension(file) is ".html" or ".md" or ".svg").Select(File.ReadAllText)];
        Assert.Multiple(() =>
        {
            foreach (string text in pages.Append(output).Append(error))
                Assert.That(OneOfSeveral().Matches(text).Select(match => match.Value), Is.Empty);
        });
    }

    [GeneratedRegex("(?<![0-9.,])1(</b>)? ?(more )?(pictures|rows|inputs|texts|tokens|explained tokens|threads|processor threads|layers|samples|cells|sentences|beginnings|methods|explanations)\\b")]
    private static partial Regex OneOfSeveral();
}
