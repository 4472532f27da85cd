using System.Numerics;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// Launches kernels of rows. On GPUs a group of threads shares a long row: with a thread per row, neighbours would read addresses that are a row
/// apart, and there would be too few of them. On processors a thread walks through a row.
/// </summary>
internal static class Rows
{
    // The cache lines of shorter rows last until a thread has read all of them.
    private const int Shortest = 128;

    // Entries per thread, while groups are not as large as they can be.
    private const int Entries = 16;

    /// <summary>Whether a group of threads should share a row.</summary>
    /// <param name="device">Where the kernel runs.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="neighbours">Entries of a row that lie side by side.</param>
    public static bool AreShared(Device device, long rows, long neighbours) => !device.IsProcessor && neighbours >= Shortest && rows <= int.MaxValue;

    /// <summary>Launches a kernel of <paramref name="rows"/> rows.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="neighbours">Entries of a row that lie side by side.</param>
    /// <param name="workPerRow">Counts memory accesses, to decide on threads of the CPU.</param>
    public static void Run<T>(Device device, in T kernel, long rows, long neighbours, long workPerRow)
        where T : struct, IRowKernel
    {
        if (AreShared(device, rows, neighbours))
            RunGroups(device, new Shared<T> { Kernel = kernel }, rows, neighbours);
        else
            device.RunItems(new Single<T> { Kernel = kernel }, rows, workPerRow);
    }

    /// <summary>Launches a kernel with a group of <see cref="GroupThreads"/> per row.</summary>
    public static void RunGroups<T>(Device device, in T kernel, long rows, long neighbours)
        where T : struct, IGroupKernel
    {
        int most = Math.Min(device.GroupSize, GroupThreads.Most);
        int threads = (int)Math.Clamp(BitOperations.RoundUpToPowerOf2((ulong)(neighbours / Entries)), (ulong)Math.Min(32, most), (ulong)most);
        device.RunGroups(kernel, new Index3D((int)rows, 1, 1), threads);
    }

    /// <summary>A thread per row.</summary>
    internal struct Single<T> : IKernel
        where T : struct, IRowKernel
    {
        public T Kernel;

        public readonly void Run(Share share)
        {
            for (long row = share.Begin; row < share.End; row += share.Step)
                Kernel.Run<OneThread>(row);
        }
    }

    /// <summary>A group of threads per row.</summary>
    internal struct Shared<T> : IGroupKernel
        where T : struct, IRowKernel
    {
        public T Kernel;

        public readonly void Run() => Kernel.Run<GroupThreads>(Grid.IdxX);
    }
}
