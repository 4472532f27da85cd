using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Support;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Kernels;

/// <summary>What drivers report becomes out of memory, or a failure that says what the driver said.</summary>
internal sealed class DeviceFaultTests
{
    private static readonly AcceleratorException[] Full =
        [Cuda("CUDA_ERROR_OUT_OF_MEMORY"), new CLException(CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE), new CLException(CLError.CL_OUT_OF_RESOURCES)];

    private static readonly AcceleratorException[] Broken =
        [Cuda("CUDA_ERROR_ILLEGAL_ADDRESS"), new CLException(CLError.CL_INVALID_KERNEL)];

    [TestCaseSource(nameof(Full))]
    public void KnowsWhenMemoryIsMissing(AcceleratorException error)
    {
        Assert.That(DeviceFault.IsOutOfMemory(error));
        Assert.That(DeviceFault.On("GPU", error).Message, Does.StartWith("GPU is out of memory").And.Contain("smaller batches"));
    }

    [TestCaseSource(nameof(Broken))]
    public void SaysWhatElseFailed(AcceleratorException error)
    {
        Assert.That(DeviceFault.IsOutOfMemory(error), Is.False);
        Assert.That(DeviceFault.On("GPU", error).Message, Does.StartWith("GPU failed").And.Not.Contain("memory"));
        Assert.That(DeviceFault.On("GPU", error).InnerException, Is.SameAs(error));
    }

    [Test]
    public void AskingForTooMuchIsOutOfMemory([ValueSource(typeof(TestDevices), nameof(TestDevices.Gpus))] string device)
    {
        using Arena arena = new(TestDevices.Get(device));
        Assert.That(() => arena.Rent(1L << 42), Throws.TypeOf<DeviceException>().With.Message.Contains("out of memory"));
        Assert.That(arena.LentBytes, Is.Zero);
    }

    // Its own constructor asks the driver what the error is called.
    private static CudaException Cuda(string error)
    {
        CudaException exception = new("says the driver");
        Error(exception) = error;
        return exception;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "<Error>k__BackingField")]
    private static extern ref string Error(CudaException exception);
}
