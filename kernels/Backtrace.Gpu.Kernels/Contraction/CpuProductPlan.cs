namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>How a part of a dense product proceeds and where its packed operands lie in its slab, in floats.</summary>
internal readonly struct CpuProductPlan
{
    // Depth of a packed panel: three vectors of eight this deep fill most of a first-level cache.
    private const int PanelDepth = 256;

    // B is packed once and for all up to this many floats; beyond, a chunk of columns at a time for each block of rows.
    private const int WholeB = 1 << 16;
    private const int ChunkOfB = 12;

    private const int SmallBlock = 1 << 12;
    private const int LargeBlock = 1 << 17;

    /// <summary>Depth of a slice of k.</summary>
    public readonly int Depth;

    /// <summary>Rows of A in a block.</summary>
    public readonly int BlockRows;

    /// <summary>Vectors of columns in a chunk.</summary>
    public readonly int ChunkVectors;

    /// <summary>True if all of B is packed once.</summary>
    public readonly bool Whole;

    /// <summary>True if A is packed, slice after slice; else it is read where it lies.</summary>
    public readonly bool CopiesA;
    public readonly nint TapList;
    public readonly nint Bias;
    public readonly nint Edge;
    public readonly nint A;
    public readonly nint B;
    public readonly nint End;

    public CpuProductPlan(in CpuProductTask task, int columns)
    {
        int lanes = task.Tile.Lanes, unit = task.Tile.Rows;
        int vectors = (columns + lanes - 1) / lanes;
        Depth = PanelDepth * 8 / lanes;
        Whole = (long)vectors * lanes * task.K <= WholeB;
        ChunkVectors = Whole ? vectors : Math.Min(ChunkOfB, vectors);
        int block = (Whole ? SmallBlock : LargeBlock) / Math.Max(1, task.K);
        BlockRows = Math.Min(Math.Max(block / unit * unit, Whole ? 4 * unit : 64), task.M);
        // Rows a large power of two apart would compete for the same cache sets.
        CopiesA = task.TransposedA || !task.ReadA.IsPlain || task.K > Depth;
        TapList = CpuScratch.RoundUp(2 * Math.Min(Depth, task.K), 16);
        Bias = 3 * TapList;
        Edge = Bias + ((nint)vectors * lanes) + (3 * lanes);
        A = Edge + CpuScratch.RoundUp((nint)BlockRows * 3 * lanes, 16);
        B = A + (CopiesA ? CpuScratch.RoundUp(CpuScratch.RoundUp(BlockRows, unit) * task.K, 16) : 0);
        Width = (nint)vectors * lanes;
        End = B + ((nint)ChunkVectors * lanes * (Whole ? task.K : Depth));
    }

    /// <summary>Columns of the part, rounded up to vectors.</summary>
    public readonly nint Width;
}
