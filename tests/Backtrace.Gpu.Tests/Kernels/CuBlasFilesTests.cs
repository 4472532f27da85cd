using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Kernels;

/// <summary>cuBLAS is found under the names that it is installed by.</summary>
internal sealed class CuBlasFilesTests
{
    [Test]
    public void TheNewestNameComesFirst()
    {
        Assert.That(CuBlasFiles.Names(isWindows: false), Is.EqualTo(["libcublas.so.13", "libcublas.so.12", "libcublas.so.11", "libcublas.so"]));
        Assert.That(CuBlasFiles.Names(isWindows: true), Is.EqualTo(["cublas64_13.dll", "cublas64_12.dll", "cublas64_11.dll"]));
    }

    [Test]
    public void ToolkitsAreSearched()
    {
        using TemporaryFolder folder = new();
        string Make(string toolkit, string file)
        {
            string path = Path.GetFullPath(Path.Combine(folder.Path, toolkit, file));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, "");
            return path;
        }

        string older = Make("old", "lib64/libcublas.so.12"), newer = Make("new", "targets/x86_64-linux/lib/libcublas.so.13"), windows = Make("new", "bin/x64/cublas64_13.dll");
        string[] toolkits = [Path.Combine(folder.Path, "new"), Path.Combine(folder.Path, "missing"), Path.Combine(folder.Path, "old")];
        Assert.That(CuBlasFiles.In(toolkits, isWindows: false).Select(Path.GetFullPath), Is.EqualTo([newer, older]));
        Assert.That(CuBlasFiles.In(toolkits, isWindows: true).Select(Path.GetFullPath), Is.EqualTo([windows]));
    }

    [TestCase("libcublas.so.12", "libcublasLt.so.12")]
    [TestCase("cublas64_12.dll", "cublasLt64_12.dll")]
    [TestCase("nvidia/cublas/lib/libcublas.so.12", "nvidia/cublas/lib/libcublasLt.so.12")]
    public void TheDependencyLiesBeside(string file, string expected) =>
        Assert.That(CuBlasFiles.DependencyOf(file), Is.EqualTo(expected.Replace('/', Path.DirectorySeparatorChar)));

    [Test]
    public void WhatDoesNotLoadIsLeftOut()
    {
        using TemporaryFolder folder = new();
        string broken = Path.Combine(folder.Path, "libcublas.so.12");
        File.WriteAllText(broken, "no library");
        Assert.That(CuBlasLibrary.Load([broken, Path.Combine(folder.Path, "libcublas.so.11"), "libc.so.6"]), Is.Empty);
    }
}
