using System.Numerics;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// Lends blocks of device memory and takes them back: fresh memory costs more than the arithmetic on it. Owned by whoever created
/// it; frees everything when disposed.
/// </summary>
public sealed unsafe class Arena(Device device) : IDisposable
{
    // Of smaller blocks it is not asked whether there is room, which takes longer than lending one.
    private const long Large = 16 << 20;

    private readonly Dictionary<long, Stack<Block>> free = [];
    private readonly List<Block> all = [];

    /// <summary>The device whose memory this is.</summary>
    public Device Device => device;

    /// <summary>Bytes lent at present.</summary>
    public long LentBytes { get; private set; }

    /// <summary>The most bytes lent at a time since <see cref="ResetPeak"/>.</summary>
    public long PeakBytes { get; private set; }

    /// <summary>Bytes held, lent or not.</summary>
    public long HeldBytes { get; private set; }

    /// <summary>Called before a block of that many floats is lent, for tests: what it throws is what <see cref="Rent"/> throws.</summary>
    internal Action<long>? Renting { get; set; }

    /// <summary>Called when the device has no memory left, for whoever could let go of blocks.</summary>
    internal Action? Exhausted { get; set; }

    /// <summary>Starts a new measurement of <see cref="PeakBytes"/>.</summary>
    public void ResetPeak() => PeakBytes = LentBytes;

    /// <summary>Lends a block of at least <paramref name="floats"/> floats, contents undefined, with one reference.</summary>
    /// <exception cref="DeviceException">The device is out of memory.</exception>
    public Block Rent(long floats)
    {
        Renting?.Invoke(floats);
        long size = SizeClass(floats);
        Block block = free.TryGetValue(size, out Stack<Block>? stack) && stack.TryPop(out Block? found) ? found : Allocate(size);
        block.References = 1;
        LentBytes += size * sizeof(float);
        PeakBytes = Math.Max(PeakBytes, LentBytes);
        return block;
    }

    /// <summary>Frees what is not lent.</summary>
    public void Trim()
    {
        foreach (Stack<Block> stack in free.Values)
        {
            while (stack.TryPop(out Block? block))
            {
                all.Remove(block);
                HeldBytes -= block.Floats * sizeof(float);
                Free(block);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            device.Synchronize();
        }
        catch (DeviceException)
        {
            // It has failed, and said so where it did; what can be freed is freed.
        }

        foreach (Block block in all)
            Free(block);
        all.Clear();
        free.Clear();
        HeldBytes = LentBytes = 0;
    }

    internal void Return(Block block)
    {
        LentBytes -= block.Floats * sizeof(float);
        if (!free.TryGetValue(block.Floats, out Stack<Block>? stack))
            free.Add(block.Floats, stack = new Stack<Block>());
        stack.Push(block);
    }

    // Eight classes per power of two: at most an eighth is wasted.
    private static long SizeClass(long floats)
    {
        if (floats <= 64)
            return 64;
        int shift = Math.Max(BitOperations.Log2((ulong)floats) - 3, 4);
        return (floats + (1L << shift) - 1) >> shift << shift;
    }

    private Block Allocate(long floats)
    {
        if (TryAllocate(floats, out _) is { } block)
            return block;
        Exhausted?.Invoke();
        Trim();
        return TryAllocate(floats, out Exception? cause) ?? throw new DeviceException(
            $"{device.Name} is out of memory: {floats * 4 >> 20} MiB more were asked for, {LentBytes >> 20} MiB are in use. Explain smaller batches.", cause);
    }

    // Null where there is no memory.
    private Block? TryAllocate(long floats, out Exception? cause)
    {
        cause = null;
        bool hasRoom = device.Kind != DeviceKind.Cpu || floats < Large || FreeMemory.Bytes() - floats * sizeof(float) >= FreeMemory.Reserve;
        try
        {
            return hasRoom ? AllocateOnce(floats) : null;
        }
        catch (Exception e) when (DeviceFault.IsOutOfMemory(e))
        {
            cause = e;
            return null;
        }
        catch (AcceleratorException e)
        {
            throw DeviceFault.On(device.Name, e);
        }
    }

    private Block AllocateOnce(long floats)
    {
        Block block;
        if (device.Kind == DeviceKind.Cpu)
        {
            float* memory = (float*)NativeMemory.AlignedAlloc((nuint)floats * sizeof(float), 64);
            block = new Block(this, floats, device.Wrap(memory, floats), memory, null);
        }
        else
        {
            MemoryBuffer1D<float, Stride1D.Dense> buffer = device.Accelerator.Allocate1D<float>(floats);
            block = new Block(this, floats, buffer.View.AsContiguous(), null, buffer);
        }

        all.Add(block);
        HeldBytes += floats * sizeof(float);
        return block;
    }

    private static void Free(Block block)
    {
        try
        {
            block.Buffer?.Dispose();
        }
        catch (AcceleratorException)
        {
            // As above.
        }

        if (block.Memory != null)
            NativeMemory.AlignedFree(block.Memory);
    }
}
