using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Cli.Demo;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class DemoTests
{
    [Test]
    public async Task SectionsAreChosenAndStandAlone()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("demo", "--only", "verse", "stories", "-o", folder.Path);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        string page = File.ReadAllText(folder.File("index.html"));
        Assert.Multiple(() =>
        {
            Assert.That(output, Does.Contain("18 generated ones").And.Contain("24 generated characters"));
            Assert.That(page, Does.Contain("id=\"stories\"").And.Contain("id=\"verse\"").And.Not.Contain("id=\"photos\""));
            Assert.That(page, Does.Contain("Lily from named: ").And.Not.Contain("<script").And.Not.Contain("src=\"http"));
            Assert.That(File.ReadAllText(folder.File("verse-matrix.svg")), Does.StartWith("<svg"));
        });
    }

    [Test]
    public async Task AnUnknownSectionIsAUsageError()
    {
        (int code, _, string error) = await Command.Run("demo", "--only", "poems");
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain("poems"));
    }

    [Test]
    public void AwayFromItsRepositoryTheDemoSaysWhereItRuns()
    {
        Assert.That(() => DemoData.Find("cifar10", "/"), Throws.TypeOf<UsageException>().With.Message.Contains("./build.sh demo"));
        Assert.That(() => DemoData.Default("cifar10", "/"), Throws.TypeOf<UsageException>().With.Message.StartsWith("--data: name your own inputs"));
        Assert.That(() => DefaultModel.Load("resnet1000", "--from"), Throws.TypeOf<UsageException>().With.Message.StartsWith("--from: the default, resnet1000,"));
        Assert.That(Directory.Exists(DemoData.Find("cifar10")));
    }
}
