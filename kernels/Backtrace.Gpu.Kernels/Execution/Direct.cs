namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Runs kernel bodies on the calling thread: no launch, a few nanoseconds instead of the 0.2 ms of a CPU accelerator.</summary>
public static class Direct
{
    /// <summary>Handles entries <paramref name="begin"/> to <paramref name="end"/>, eight at a time.</summary>
    public static void Run<T>(in T kernel, long begin, long end)
        where T : struct, IElementwise
    {
        long middle = begin + ((end - begin) & ~7L);
        if (middle > begin)
            kernel.Run<Simd>(new Share(begin, middle, 8));
        if (end > middle)
            kernel.Run<Scalar>(new Share(middle, end, 1));
    }
}
