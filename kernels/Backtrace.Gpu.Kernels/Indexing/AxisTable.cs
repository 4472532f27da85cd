using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Indexing;

/// <summary>One non-zero entry of an <see cref="AxisTable"/>.</summary>
internal readonly record struct AxisEntry(int Row, int Column, float Weight);

/// <summary>
/// A sparse matrix that acts along one axis: how interpolation, index lists and padding modes are written down. Made on the host from
/// the operator's own index arithmetic, so that kernels need none.
/// </summary>
internal sealed class AxisTable
{
    private readonly AxisEntry[] entries;
    private readonly int[] starts;

    /// <param name="rows">Length of the axis that is written.</param>
    /// <param name="columns">Length of the axis that is read.</param>
    /// <param name="entries">Entries in any order; entries at the same place are added up.</param>
    public AxisTable(int rows, int columns, IEnumerable<AxisEntry> entries)
    {
        Rows = rows;
        Columns = columns;
        this.entries = Unique([.. entries]);
        starts = new int[rows + 1];
        foreach (AxisEntry entry in this.entries)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)entry.Column, (uint)columns);
            starts[entry.Row + 1]++;
        }

        for (int row = 0; row < rows; row++)
            starts[row + 1] += starts[row];
    }

    /// <summary>Length of the axis that is written.</summary>
    public int Rows { get; }

    /// <summary>Length of the axis that is read.</summary>
    public int Columns { get; }

    /// <summary>Output position j reads input position <paramref name="sources"/>[j].</summary>
    public static AxisTable Select(IReadOnlyList<long> sources, int columns) =>
        new(sources.Count, columns, sources.Select((s, j) => new AxisEntry(j, (int)s, 1)));

    /// <summary>The transposed matrix.</summary>
    public AxisTable Transposed() => new(Columns, Rows, entries.Select(e => new AxisEntry(e.Column, e.Row, e.Weight)));

    /// <summary>The matrix with absolute entries.</summary>
    public AxisTable Absolute() => new(Rows, Columns, entries.Select(e => e with { Weight = MathF.Abs(e.Weight) }));

    /// <summary>The magnitudes of the entries of one sign.</summary>
    public AxisTable Side(int sign) => new(Rows, Columns, entries.Where(e => Math.Sign(e.Weight) == sign).Select(e => e with { Weight = MathF.Abs(e.Weight) }));

    /// <summary>Number of floats that <see cref="Write"/> fills.</summary>
    public long Length => starts.Length + 2L * entries.Length;

    /// <summary>Number of entries.</summary>
    public int Entries => entries.Length;

    /// <summary>Copies the table to the device: row starts, columns (both as bits of integers), weights.</summary>
    public unsafe void Write(Device device, ArrayView<float> memory)
    {
        float[] packed = new float[Length];
        for (int k = 0; k < starts.Length; k++)
            packed[k] = BitConverter.Int32BitsToSingle(starts[k]);
        for (int k = 0; k < entries.Length; k++)
        {
            packed[starts.Length + k] = BitConverter.Int32BitsToSingle(entries[k].Column);
            packed[starts.Length + entries.Length + k] = entries[k].Weight;
        }

        fixed (float* source = packed)
            device.Upload(source, memory, packed.Length);
    }

    private static AxisEntry[] Unique(AxisEntry[] entries)
    {
        Array.Sort(entries, (a, b) => a.Row != b.Row ? a.Row.CompareTo(b.Row) : a.Column.CompareTo(b.Column));
        int count = 0;
        foreach (AxisEntry entry in entries)
        {
            if (count > 0 && entries[count - 1].Row == entry.Row && entries[count - 1].Column == entry.Column)
                entries[count - 1] = entry with { Weight = entry.Weight + entries[count - 1].Weight };
            else
                entries[count++] = entry;
        }

        return entries[..count];
    }
}
