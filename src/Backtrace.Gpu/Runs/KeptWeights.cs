using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Runs;

/// <summary>Copies of a model's parameters on a device, from one run to the next (<see cref="BacktracerOptions.KeepWeights"/>).</summary>
internal sealed class KeptWeights
{
    // The rest is for a run, and for others.
    private const double Share = 0.5;

    private readonly Dictionary<(nint Tensor, nint Data, bool IsBFloat16), Block> blocks = [];
    private long room;

    public KeptWeights(Device device, Arena arena)
    {
        room = (long)(Share * device.MemoryBytes);
        arena.Exhausted = () =>
        {
            Clear();
            room = 0; // else each run would fill the memory anew
        };
    }

    /// <summary>The copy of a parameter, with a reference for the caller; null if there is none.</summary>
    public Block? Find(Value parameter, bool isBFloat16) => blocks.TryGetValue(Key(parameter, isBFloat16), out Block? block) ? block.Retain() : null;

    /// <summary>Keeps a copy that was just made, if it is of a parameter of the model and there is room.</summary>
    public void Keep(Value parameter, bool isBFloat16, Block copy)
    {
        // The model's names hold it: until they are read again, no other tensor has its address.
        if (!parameter.IsWeight || copy.Floats * sizeof(float) > room)
            return;
        blocks.Add(Key(parameter, isBFloat16), copy.Retain());
        room -= copy.Floats * sizeof(float);
    }

    /// <summary>Lets go of all of them.</summary>
    public void Clear()
    {
        foreach (Block block in blocks.Values)
        {
            room += block.Floats * sizeof(float);
            block.Release();
        }

        blocks.Clear();
    }

    private static (nint Tensor, nint Data, bool IsBFloat16) Key(Value parameter, bool isBFloat16) => (parameter.Held.Identity, parameter.Held.Data, isBFloat16);
}
