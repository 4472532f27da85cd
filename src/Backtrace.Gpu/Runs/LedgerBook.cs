using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Runs;

/// <summary>Sums per ledger row, kept on the device until the run is over and then read at once.</summary>
internal sealed unsafe class LedgerBook : IDisposable
{
    private readonly Device device;
    private readonly Arena arena;
    private readonly Block block;
    private readonly int capacity;
    private readonly bool keepsMagnitudes;
    private float[]? read;
    private int used;

    /// <param name="device">Where it is kept.</param>
    /// <param name="arena">Lends the memory.</param>
    /// <param name="slots">Number of sums.</param>
    /// <param name="rows">Number of rows that are kept apart.</param>
    /// <param name="keepsMagnitudes">True to sum tensors without their signs too, for signed rules. The slot after a sum's holds that.</param>
    public LedgerBook(Device device, Arena arena, int slots, int rows, bool keepsMagnitudes)
    {
        slots *= keepsMagnitudes ? 2 : 1;
        this.keepsMagnitudes = keepsMagnitudes;
        this.device = device;
        this.arena = arena;
        Rows = rows;
        capacity = slots;
        block = arena.Rent((long)slots * rows);
        device.Run(new Fill { Target = block.View, Value = 0 }, (long)slots * rows);
    }

    /// <summary>Number of rows that are kept apart.</summary>
    public int Rows { get; }

    /// <summary>A fresh row of zeros.</summary>
    public int Open()
    {
        if (used == capacity)
            throw new InvalidOperationException("The ledger is full: its size was computed wrongly.");
        return used++;
    }

    public ArrayView<float> View(int slot) => block.View.SubView((long)slot * Rows, Rows);

    /// <summary>Adds up a tensor. What has no batch axis goes to the first row.</summary>
    /// <param name="values">The tensor.</param>
    /// <param name="parts">Parts that lie one behind the other and have a batch axis each, as the states of layers do.</param>
    public int Sum(ArrayView<float> values, long parts = 1)
    {
        int slot = Open(), magnitudes = keepsMagnitudes ? Open() : -1;
        long size = values.Length / parts, rows = size % Rows == 0 ? Rows : 1, length = size / rows;
        Block scratch = arena.Rent(RowSums.ScratchLength(rows, length));
        for (long part = 0; part < parts; part++)
        {
            ArrayView<float> own = values.SubView(part * size, size);
            RowSums.Add(device, new ValueTerm { Values = own }, rows, length, View(slot), scratch.View);
            if (keepsMagnitudes)
                RowSums.Add(device, new AbsoluteTerm { Values = own }, rows, length, View(magnitudes), scratch.View);
        }

        scratch.Release();
        return slot;
    }

    /// <summary>Reads everything; call once the run is over.</summary>
    public void Close()
    {
        read = new float[used * Rows];
        fixed (float* target = read)
            device.Download(block.View.SubView(0, read.Length), target, read.Length);
    }

    /// <summary>The sum of some slots, [Rows].</summary>
    public float[] Read(IReadOnlyList<int> slots)
    {
        float[] result = new float[Rows];
        foreach (int slot in slots)
        {
            for (int row = 0; row < Rows; row++)
                result[row] += read![slot * Rows + row];
        }

        return result;
    }

    /// <summary>The sum over all rows of what tensors held without their signs, given the slots of their sums; 0 if that was not kept.</summary>
    public double Magnitude(params ReadOnlySpan<IReadOnlyList<int>> slots)
    {
        double result = 0;
        foreach (IReadOnlyList<int> some in slots)
        {
            foreach (int slot in some)
            {
                for (int row = 0; keepsMagnitudes && row < Rows; row++)
                    result += read![(slot + 1) * Rows + row];
            }
        }

        return result;
    }

    public void Dispose() => block.Release();
}
