using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// The indices that one thread handles: <c>for (long i = Begin; i &lt; End; i += Step)</c>. Interleaved on GPUs, where
/// neighbours must read neighbouring addresses; one contiguous block per thread on the CPU, where they must not share lines.
/// </summary>
public readonly struct Share(long begin, long end, long step)
{
    /// <summary>First index.</summary>
    public readonly long Begin = begin;

    /// <summary>One past the last index.</summary>
    public readonly long End = end;

    /// <summary>Distance between two indices.</summary>
    public readonly long Step = step;

    /// <summary>The share of the calling kernel thread in <paramref name="total"/> items. Only inside an ILGPU launch.</summary>
    public static Share OfThread(long total)
    {
        int width = Group.DimX;
        if (width == 1)
        {
            long block = (total + Grid.DimX - 1) / Grid.DimX;
            long begin = block * Grid.IdxX;
            return new Share(begin, IntrinsicMath.Min(begin + block, total), 1);
        }

        return new Share((long)Grid.IdxX * width + Group.IdxX, total, (long)Grid.DimX * width);
    }
}
