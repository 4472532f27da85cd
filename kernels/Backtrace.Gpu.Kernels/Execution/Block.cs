using ILGPU;
using ILGPU.Runtime;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>A piece of an <see cref="Arena"/>, returned to it with the last reference.</summary>
public sealed unsafe class Block
{
    internal Block(Arena arena, long floats, ArrayView<float> view, float* memory, MemoryBuffer? buffer)
    {
        Arena = arena;
        Floats = floats;
        View = view;
        Memory = memory;
        Buffer = buffer;
    }

    /// <summary>Capacity.</summary>
    public long Floats { get; }

    /// <summary>All of the memory.</summary>
    public ArrayView<float> View { get; }

    /// <summary>Host address on CPU devices, else null.</summary>
    public float* Memory { get; }

    internal Arena Arena { get; }

    internal MemoryBuffer? Buffer { get; }

    /// <summary>Number of references.</summary>
    public int References { get; internal set; }

    /// <summary>Adds a reference.</summary>
    public Block Retain()
    {
        References++;
        return this;
    }

    /// <summary>Drops a reference.</summary>
    public void Release()
    {
        if (References <= 0)
            throw new InvalidOperationException("A block of device memory was released twice.");
        if (--References == 0)
            Arena.Return(this);
    }
}
