using Backtrace.Gpu.Kernels.Execution;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Kernels;

/// <summary>Drivers are found under the names that they are installed by.</summary>
internal sealed class DriverLibrariesTests
{
    [TestCase("cuda", "libcuda.so.1")]
    [TestCase("OpenCL", "libOpenCL.so.1")]
    public void FallsBackToTheVersionedName(string name, string file) => Assert.That(DriverLibraries.Fallbacks(name)[0], Is.EqualTo(file));

    // As ILGPU's assembly imports them; others are none of our business.
    [TestCase("cublas64_11")]
    [TestCase("CUDA")]
    public void LeavesOthersAlone(string name) => Assert.That(DriverLibraries.Fallbacks(name), Is.Empty);

    [Test]
    public void RegistersOnceOnly()
    {
        DriverLibraries.Register();
        Assert.That(DriverLibraries.Register, Throws.Nothing);
        Assert.That(CudaDevices.Find, Throws.Nothing);
        Assert.That(CudaDevices.Find, Throws.Nothing);
    }
}
