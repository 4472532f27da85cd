using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Native memory that parts of a task pack their operands into: one slab per part, grown when needed, kept between calls.</summary>
internal sealed unsafe class CpuScratch : IDisposable
{
    // Vectors may read, never use, a few floats past what was packed.
    private const nint Slack = 128;

    private const nuint Alignment = 4096;

    private float* memory;
    private nint capacity;

    /// <summary>The slabs of <paramref name="parts"/> parts with room for <paramref name="floats"/> each. Valid until the next call.</summary>
    public float* Reserve(int parts, nint floats, out nint slab)
    {
        // An odd number of lines beyond a page keeps the slabs of two threads out of each other's cache sets.
        slab = RoundUp(floats + Slack, 1024) + 16;
        nint needed = slab * parts;
        if (needed > capacity)
        {
            NativeMemory.AlignedFree(memory);
            memory = null;
            capacity = 0;
            memory = (float*)NativeMemory.AlignedAlloc((nuint)needed * sizeof(float), Alignment);
            capacity = needed;
        }

        return memory;
    }

    /// <summary>The smallest multiple of <paramref name="unit"/> that is not below <paramref name="value"/>.</summary>
    public static nint RoundUp(nint value, nint unit) => (value + unit - 1) / unit * unit;

    public void Dispose()
    {
        NativeMemory.AlignedFree(memory);
        memory = null;
        capacity = 0;
        GC.SuppressFinalize(this);
    }

    ~CpuScratch() => NativeMemory.AlignedFree(memory);
}
