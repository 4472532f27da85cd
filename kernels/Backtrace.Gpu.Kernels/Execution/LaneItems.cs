namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Launches kernels of items with the lane of eight floats that a device has.</summary>
internal static class LaneItems
{
    /// <summary>Launches a kernel.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="total">Number of items.</param>
    /// <param name="workPerItem">Counts memory accesses, to decide on threads of the CPU.</param>
    public static void Run<T>(Device device, in T kernel, long total, long workPerItem = 1)
        where T : struct, ILaneKernel
    {
        if (device.IsDirect)
            device.RunItems(new Of<T, Simd> { Kernel = kernel }, total, workPerItem);
        else
            device.RunItems(new Of<T, Octet> { Kernel = kernel }, total, workPerItem);
    }

    /// <summary>The kernel with one kind of lane.</summary>
    internal struct Of<T, TLane> : IKernel
        where T : struct, ILaneKernel
        where TLane : struct, ILane<TLane>
    {
        public T Kernel;

        public readonly void Run(Share share) => Kernel.Run<TLane>(share);
    }
}
