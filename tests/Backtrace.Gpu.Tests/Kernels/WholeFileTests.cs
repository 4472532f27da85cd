using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Kernels;

public sealed class WholeFileTests
{
    [Test]
    public void WhatFailsHalfwayLeavesTheOldFileAndNothingElse()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("results.md", "old");
        Assert.That(
            () => WholeFile.Write(path, stream =>
            {
                stream.Write(new byte[1 << 20]);
                throw new IOException("No space left on device");
            }),
            Throws.InstanceOf<IOException>().With.Message.EqualTo($"{path}: cannot be written: No space left on device"));
        Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
        Assert.That(Directory.GetFileSystemEntries(folder.Path), Is.EqualTo(new[] { path }));
    }

    [Test]
    public void AFileIsReplacedAsAWhole()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("results.md", "a longer old text");
        WholeFile.WriteText(path, "new, λ");
        Assert.That(File.ReadAllText(path), Is.EqualTo("new, λ"));
        Assert.That(Directory.GetFileSystemEntries(folder.Path), Is.EqualTo(new[] { path }));
    }

    [Test]
    public void AFailureNamesARelativePathOnce()
    {
        string path = Path.GetRelativePath(Environment.CurrentDirectory, Path.Combine(Path.GetTempPath(), "x.md"));
        Assert.That(
            () => WholeFile.Write(path, stream => throw new IOException($"No space left on device : '{((FileStream)stream).Name}'")),
            Throws.InstanceOf<IOException>().With.Message.EqualTo($"{path}: cannot be written: No space left on device"));
    }

    [Test]
    public void AFolderThatIsGoneIsSaidByTheNameOfTheFile()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("none/model.json");
        Assert.That(() => WholeFile.WriteText(path, ""), Throws.InstanceOf<IOException>().With.Message.StartsWith($"{path}: cannot be written: ").And.Message.Not.Contains(".tmp"));
    }
}
