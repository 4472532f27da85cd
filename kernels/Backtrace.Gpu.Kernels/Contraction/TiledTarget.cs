using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Where the entries of a tiled product go: [samples, groups, rows, inner] with the columns counting samples and inner.</summary>
internal unsafe struct TiledTarget
{
    public ArrayView<float> Values;
    public ArrayView<float> Bias;
    /// <summary>The bits of a bias that count: 0 without bias.</summary>
    public int BiasMask;

    /// <summary>1 if the bias counts columns (dense layers), 0 if it counts rows (channels).</summary>
    public int BiasOfColumns;
    public int Groups;
    public long Rows;
    public long Columns;
    public long Inner;

    /// <summary>Entries between the results of two groups.</summary>
    public long Gap;

    /// <summary>1 to add to what is there.</summary>
    public int Accumulates;

    public readonly void Store(long part, int group, long row, long column, Quad values)
    {
        if (row >= Rows)
            return;
        StoreOne(part, group, row, column, values.X);
        StoreOne(part, group, row, column + 1, values.Y);
        StoreOne(part, group, row, column + 2, values.Z);
        StoreOne(part, group, row, column + 3, values.W);
    }

    private readonly void StoreOne(long part, int group, long row, long column, float value)
    {
        if (column >= Columns)
            return;
        long sample = column / Inner;
        long channel = group * Rows + row;
        long index = (sample * Groups * Rows + channel) * Inner + (column - sample * Inner) + group * Gap;
        if (BiasMask != 0)
            value += TiledLayout.Read(Bias.Pointer(), BiasOfColumns != 0 ? column : channel, true, BiasMask);
        float* place = Values.Pointer() + (part * Groups * Rows * Columns + index);
        *place = Accumulates != 0 ? *place + value : value;
    }
}
