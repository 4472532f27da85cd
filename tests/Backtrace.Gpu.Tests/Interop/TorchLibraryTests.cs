using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Interop;

/// <summary>Whoever lacks libtorch, or what libtorch needs, learns which.</summary>
public sealed class TorchLibraryTests
{
    [Test]
    public void AMissingLibraryNamesThePackage()
    {
        using TemporaryFolder folder = new();
        Assert.That(TorchLibrary.Failure([folder.File("none")]), Does.Contain("libtorch_cpu.so is missing").And.Contain("libtorch-cpu-linux-x64"));
    }

    [Test]
    public void ALibraryThatTheLoaderRefusesIsToldInTheLoadersWords()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("libtorch_cpu.so", "no library");
        Assert.That(TorchLibrary.Failure([Path.GetDirectoryName(file)!]), Does.Contain(file).And.Contain("GLIBCXX_3.4.32").And.Not.Contain("strace"));
    }
}
