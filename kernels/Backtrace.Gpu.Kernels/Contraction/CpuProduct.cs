using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Dense products of many rows: panels of B are packed for the first-level cache, the micro-kernels walk down the rows of A.</summary>
internal static unsafe class CpuProduct
{
    // Depth of a packed panel: with three vectors of eight it fills most of a first-level cache.
    private const int Depth = 256;

    // B is packed as a whole up to this many floats; beyond, panel by panel for each block of rows.
    private const int WholeB = 1 << 16;

    private const int SmallBlock = 1 << 13;
    private const int LargeBlock = 1 << 18;

    /// <summary>How a part proceeds and where its packed operands lie in its slab, in floats.</summary>
    private readonly struct Plan
    {
        public Plan(in CpuProductTask task, int columns)
        {
            int lanes = task.Tile.Lanes, unit = task.Tile.Rows;
            PanelDepth = Depth * 8 / lanes;
            Width = CpuScratch.RoundUp(columns, lanes);
            Whole = Width * task.K <= WholeB;
            int block = (Whole ? SmallBlock : LargeBlock) / task.K;
            BlockRows = Math.Min(Math.Max(block / unit * unit, Whole ? 4 * unit : 64), task.M);
            TapList = CpuScratch.RoundUp(2 * Math.Min(PanelDepth, task.K), 16);
            Bias = 3 * TapList;
            Edge = Bias + Width;
            A = Edge + CpuScratch.RoundUp((nint)BlockRows * 3 * lanes, 16);
            B = A + (task.ReadA.IsPlain ? 0 : CpuScratch.RoundUp((nint)BlockRows * task.K, 16));
            End = B + (Whole ? Width * task.K : 3 * lanes * PanelDepth);
        }

        public readonly int PanelDepth;
        public readonly nint TapList;
        public readonly nint Width;
        public readonly bool Whole;
        public readonly int BlockRows;
        public readonly nint Bias;
        public readonly nint Edge;
        public readonly nint A;
        public readonly nint B;
        public readonly nint End;
    }

    /// <summary>Floats that a part needs.</summary>
    public static nint SlabOf(in CpuProductTask task) => new Plan(task, task.WidestPart()).End;

    /// <summary>Computes part <paramref name="part"/> and runs the epilogue over each block of rows.</summary>
    public static void Run<TEpilogue>(in CpuProductTask task, in TEpilogue epilogue, int part)
        where TEpilogue : struct, IElementwise
    {
        int rowBegin = task.RowBegin(part), rowEnd = task.RowEnd(part);
        int columnBegin = task.ColumnBegin(part), columnEnd = task.ColumnEnd(part);
        var plan = new Plan(task, task.WidestPart());
        float* slab = task.Slabs + (part * task.Slab);
        int lanes = task.Tile.Lanes;
        Start(task, plan, slab, columnBegin, columnEnd);
        bool packed = false;
        for (int row = rowBegin; row < rowEnd; row += plan.BlockRows)
        {
            int rows = Math.Min(plan.BlockRows, rowEnd - row);
            float* a = task.A + ((nint)row * task.K);
            if (!task.ReadA.IsPlain)
            {
                task.ReadA.Copy(a, slab + plan.A, (nint)rows * task.K);
                a = slab + plan.A;
            }

            float* whole = slab + plan.B;
            int vectors = (columnEnd - columnBegin + lanes - 1) / lanes;
            for (int v = 0; v < vectors;)
            {
                int take = CpuTile.Take(vectors - v), width = take * lanes;
                int column = columnBegin + (v * lanes);
                bool edge = column + width > columnEnd;
                var tile = new CpuTileTask { AStride = task.K, Rows = rows, Taps = (int*)(slab + ((take - 1) * plan.TapList)), CStride = edge ? 3 * lanes : task.N };
                Point(ref tile, edge ? slab + plan.Edge : task.C + ((nint)row * task.N) + column, lanes);
                Begin(ref tile, slab + plan.Bias + (v * lanes), lanes);
                for (int k = 0; k < task.K; k += plan.PanelDepth)
                {
                    int depth = Math.Min(plan.PanelDepth, task.K - k);
                    float* panel = plan.Whole ? whole : slab + plan.B;
                    if (!plan.Whole || !packed)
                        CpuProductPack.Panel(task, k, depth, column, Math.Min(width, columnEnd - column), width, panel);
                    tile.A = a + k;
                    tile.TapCount = depth;
                    tile.B0 = panel;
                    tile.B1 = panel + lanes;
                    tile.B2 = panel + (2 * lanes);
                    task.Tile.For(take)(&tile);
                    Continue(ref tile);
                    whole += depth * width;
                }

                if (edge)
                    CpuProductPack.StoreEdge(slab + plan.Edge, 3 * lanes, task.C + ((nint)row * task.N) + column, task.N, rows, columnEnd - column);
                v += take;
            }

            packed = true;
            task.Finish(epilogue, row, row + rows, columnBegin, columnEnd);
        }
    }

    // Taps for panels of one, two and three vectors, and the bias.
    private static void Start(in CpuProductTask task, in Plan plan, float* slab, int columnBegin, int columnEnd)
    {
        int lanes = task.Tile.Lanes;
        for (int vectors = 1; vectors <= 3; vectors++)
        {
            int* tap = (int*)(slab + ((vectors - 1) * plan.TapList));
            for (int k = 0; k < Math.Min(plan.PanelDepth, task.K); k++)
            {
                tap[2 * k] = k;
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

    private static void Begin(ref CpuTileTask tile, float* bias, int lanes)
    {
        tile.Init0 = bias;
        tile.Init1 = bias + lanes;
        tile.Init2 = bias + (2 * lanes);
        tile.InitStride = 0;
    }

    private static void Continue(ref CpuTileTask tile)
    {
        tile.Init0 = tile.C0;
        tile.Init1 = tile.C1;
        tile.Init2 = tile.C2;
        tile.InitStride = tile.CStride;
    }

    private static void Point(ref CpuTileTask tile, float* c, int lanes)
    {
        tile.C0 = c;
        tile.C1 = c + lanes;
        tile.C2 = c + (2 * lanes);
    }
}
