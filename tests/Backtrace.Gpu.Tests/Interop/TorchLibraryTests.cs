using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Interop;

/// <summary>Whoever lacks libtorch, or what libtorch needs, learns which.</summary>
public sealed class TorchLibraryTests
{
    private static string Library => OperatingSystem.IsWindows() ? "torch_cpu.dll" : "libtorch_cpu.so";

    [Test]
    public void AMissingLibraryNamesThePackage()
    {
        using TemporaryFolder folder = new();
        Assert.That(TorchLibrary.Failure([folder.File("none")]), Does.Contain($"{Library} is missing").And.Contain(OperatingSystem.IsWindows() ? "libtorch-cpu-win-x64" : "libtorch-cpu-linux-x64"));
    }

    [Test]
    public void ALibraryThatTheLoaderRefusesIsToldInTheLoadersWords()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write(Library, "no library");
        Assert.That(TorchLibrary.Failure([Path.GetDirectoryName(file)!]), Does.Contain(OperatingSystem.IsWindows() ? "Visual C++" : file).And.Contain(OperatingSystem.IsWindows() ? "vc_redist" : "GLIBCXX_3.4.32").And.Not.Contain("strace"));
    }
}
