using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Dense products of many rows: panels of B are packed for the first-level cache, the micro-kernels walk down the rows of A.</summary>
internal static unsafe class CpuProduct
{
    /// <summary>Floats that a part needs.</summary>
    public static nint SlabOf(in CpuProductTask task) => new CpuProductPlan(task, task.WidestPart()).End;

    /// <summary>Computes part <paramref name="part"/> and runs the epilogue over each block of rows.</summary>
    public static void Run<TEpilogue>(in CpuProductTask task, in TEpilogue epilogue, int part)
        where TEpilogue : struct, IElementwise
    {
        int rowBegin = task.RowBegin(part), rowEnd = task.RowEnd(part);
        int columnBegin = task.ColumnBegin(part), columnEnd = task.ColumnEnd(part);
        var plan = new CpuProductPlan(task, task.WidestPart());
        float* slab = task.Slabs + (part * task.Slab);
        Run(task, epilogue, plan, slab, rowBegin, rowEnd, columnBegin, columnEnd);
    }

    /// <summary>Computes some rows and columns of C.</summary>
    public static void Run<TEpilogue>(in CpuProductTask task, in TEpilogue epilogue, in CpuProductPlan plan, float* slab, int rowBegin, int rowEnd, int columnBegin, int columnEnd)
        where TEpilogue : struct, IElementwise
    {
        int vectors = (columnEnd - columnBegin + task.Tile.Lanes - 1) / task.Tile.Lanes;
        Start(task, plan, slab, columnBegin, columnEnd);
        bool packed = false;
        for (int row = rowBegin; row < rowEnd; row += plan.BlockRows)
        {
            int rows = Math.Min(plan.BlockRows, rowEnd - row);
            if (task.TransposedA)
                CpuProductPack.Columns(task, row, rows, plan.Depth, slab + plan.A);
            else if (plan.CopiesA)
                CpuProductPack.Slices(task, row, rows, plan.Depth, slab + plan.A);
            for (int first = 0; first < vectors; first += plan.ChunkVectors)
            {
                float* panels = slab + plan.B;
                for (int k = 0; k < task.K; k += plan.Depth)
                {
                    int depth = Math.Min(plan.Depth, task.K - k), count = Math.Min(plan.ChunkVectors, vectors - first);
                    int column = columnBegin + (first * task.Tile.Lanes);
                    if (!plan.Whole)
                        panels = slab + plan.B;
                    if (!plan.Whole || !packed)
                        CpuProductPack.Panels(task, k, depth, column, columnEnd - column, count, panels);
                    Panels(task, plan, slab, panels, row, rows, k, depth, columnBegin, columnEnd, first, count);
                    panels += count * task.Tile.Lanes * depth;
                }
            }

            if (task.K == 0 && !task.Accumulates)
                Empty(task, slab + plan.Bias, row, rows, columnBegin, columnEnd);
            packed = true;
            task.Finish(epilogue, row, row + rows, columnBegin, columnEnd);
        }
    }

    // Sums of nothing: the bias.
    private static void Empty(in CpuProductTask task, float* bias, int row, int rows, int columnBegin, int columnEnd)
    {
        ReadOnlySpan<float> source = new(bias, columnEnd - columnBegin);
        for (int r = row; r < row + rows; r++)
            source.CopyTo(new Span<float>(task.C + ((nint)r * task.N) + columnBegin, source.Length));
    }

    // Adds the products of one slice of k to a block of rows, panel by panel.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Panels(in CpuProductTask task, in CpuProductPlan plan, float* slab, float* panel, int row, int rows, int k, int depth, int columnBegin, int columnEnd, int first, int count)
    {
        int lanes = task.Tile.Lanes, edgeStride = 3 * lanes;
        var tile = new CpuTileTask { Rows = rows, TapCount = depth };
        tile.A = task.TransposedA ? slab + plan.A + (CpuScratch.RoundUp(rows, task.Tile.Rows) * k)
            : plan.CopiesA ? slab + plan.A + ((nint)rows * k)
            : task.A + ((nint)row * task.K) + k;
        tile.AStride = task.TransposedA ? 1 : plan.CopiesA ? depth : task.K;
        tile.ABlock = (task.TransposedA || plan.CopiesA ? depth : task.K) * (nint)task.Tile.Rows;
        for (int v = 0; v < count;)
        {
            int take = CpuTile.Take(count - v), width = take * lanes;
            int column = columnBegin + ((first + v) * lanes);
            bool edge = column + width > columnEnd;
            tile.Taps = (int*)(slab + ((take - 1) * plan.TapList));
            float* c = edge ? slab + plan.Edge : task.C + ((nint)row * task.N) + column;
            tile.CStride = edge ? edgeStride : task.N;
            tile.C0 = c;
            tile.C1 = c + lanes;
            tile.C2 = c + (2 * lanes);
            if (edge && k == 0 && task.Accumulates)
                CpuProductPack.CopyEdge(task.C + ((nint)row * task.N) + column, task.N, c, edgeStride, rows, columnEnd - column);
            // The first slice starts from the bias, later ones from what is there.
            bool fresh = k == 0 && !task.Accumulates;
            float* init = fresh ? slab + plan.Bias + ((first + v) * lanes) : c;
            tile.InitStride = fresh ? 0 : tile.CStride;
            tile.Init0 = init;
            tile.Init1 = init + lanes;
            tile.Init2 = init + (2 * lanes);
            tile.B0 = panel;
            tile.B1 = panel + lanes;
            tile.B2 = panel + (2 * lanes);
            task.Tile.For(take)(&tile);
            if (edge && k + depth == task.K)
                CpuProductPack.CopyEdge(c, edgeStride, task.C + ((nint)row * task.N) + column, task.N, rows, columnEnd - column);
            panel += depth * width;
            v += take;
        }
    }

    // Taps for panels of one, two and three vectors, and the bias.
    private static void Start(in CpuProductTask task, in CpuProductPlan plan, float* slab, int columnBegin, int columnEnd)
    {
        int lanes = task.Tile.Lanes, step = task.TransposedA ? task.Tile.Rows : 1;
        for (int vectors = 1; vectors <= 3; vectors++)
        {
            int* tap = (int*)(slab + ((vectors - 1) * plan.TapList));
            for (int k = 0; k < Math.Min(plan.Depth, task.K); k++)
            {
                tap[2 * k] = k * step;
                tap[(2 * k) + 1] = k * vectors * lanes;
            }
        }

        float* bias = slab + plan.Bias;
        int columns = columnEnd - columnBegin;
        if (task.Bias != null)
            task.ReadBias.Copy(task.Bias + columnBegin, bias, columns);
        else
            columns = 0;
        new Span<float>(bias + columns, (int)plan.Width - columns).Clear();
    }
}
