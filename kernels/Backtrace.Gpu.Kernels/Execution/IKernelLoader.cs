using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Compiles kernels in place of ILGPU's accelerators: how tests run the code of a GPU that is not there.</summary>
internal interface IKernelLoader
{
    /// <summary>A launcher of a static method of <see cref="Drivers"/> over a number of items.</summary>
    Action<KernelConfig, long, T> Load<T>(Action<long, T> body)
        where T : struct;

    /// <summary>A launcher of a static method of <see cref="Drivers"/> over groups of threads.</summary>
    Action<KernelConfig, T> Load<T>(Action<T> body)
        where T : struct;
}
