using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>C[m, n] = bias[n] + Σ_k A[m, k]·B[k, n], where A and B may lie transposed, as weight matrices do.</summary>
internal unsafe struct CpuProductTask : ICpuTask
{
    private const long ParallelThreshold = 200_000;

    // Columns are cut at whole cache lines.
    private const int ColumnUnit = 16;

    public CpuTile Tile;
    public int M;
    public int N;
    public int K;
    public float* A;
    public float* B;

    /// <summary>True if A[m, k] lies at A + k·M + m; else at A + m·K + k.</summary>
    public bool TransposedA;

    /// <summary>True if B[k, n] lies at B + n·K + k, as the weights of y = x·wᵀ do; else at B + k·N + n.</summary>
    public bool TransposedB;

    /// <summary>True if B holds bf16 numbers.</summary>
    public bool IsBFloat16B;
    public float* Bias;
    public float* C;

    /// <summary>True if the product is added to C.</summary>
    public bool Accumulates;

    /// <summary>Index of the first entry of C for the epilogue.</summary>
    public long First;
    public CpuReading ReadA;
    public CpuReading ReadB;
    public CpuReading ReadBias;

    /// <summary>Multiplies where operands are bf16.</summary>
    public BFloat16Kernel Kernel;

    public int RowParts;
    public int ColumnParts;
    public float* Slabs;
    public nint Slab;

    public readonly int RowBegin(int part) => (int)((long)M * (part / ColumnParts) / RowParts);

    public readonly int RowEnd(int part) => (int)((long)M * ((part / ColumnParts) + 1) / RowParts);

    public readonly int ColumnBegin(int part) => Column(part % ColumnParts);

    public readonly int ColumnEnd(int part) => Column((part % ColumnParts) + 1);

    /// <summary>Decides how the work is cut for <paramref name="threads"/> threads and returns the number of parts.</summary>
    public int Cut(int threads, bool columnsOnly)
    {
        RowParts = ColumnParts = 1;
        if (threads == 1 || (long)M * N * K < ParallelThreshold)
            return 1;
        // Each part packs its rows of A and its columns of B: cut the larger.
        int units = (N + ColumnUnit - 1) / ColumnUnit;
        ColumnParts = columnsOnly || M < N ? Math.Min(threads, units) : 1;
        if (!columnsOnly)
            RowParts = Math.Min(threads / ColumnParts, Math.Max(M / Tile.Rows, 1));
        return RowParts * ColumnParts;
    }

    /// <summary>Columns of the widest part.</summary>
    public readonly int WidestPart()
    {
        int widest = 0;
        for (int part = 0; part < ColumnParts; part++)
            widest = Math.Max(widest, ColumnEnd(part) - ColumnBegin(part));
        return widest;
    }

    /// <summary>Runs the epilogue over rows of the columns of a part.</summary>
    public readonly void Finish<TEpilogue>(in TEpilogue epilogue, int rowBegin, int rowEnd, int columnBegin, int columnEnd)
        where TEpilogue : struct, IElementwise
    {
        if (typeof(TEpilogue) == typeof(NoEpilogue))
            return;
        if (columnEnd - columnBegin == N)
        {
            Direct.Run(epilogue, First + ((long)rowBegin * N), First + ((long)rowEnd * N));
            return;
        }

        for (int row = rowBegin; row < rowEnd; row++)
            Direct.Run(epilogue, First + ((long)row * N) + columnBegin, First + ((long)row * N) + columnEnd);
    }

    /// <inheritdoc/>
    public void Use(float* slabs, nint floats)
    {
        Slabs = slabs;
        Slab = floats;
    }

    private readonly int Column(int index)
    {
        int units = (N + ColumnUnit - 1) / ColumnUnit;
        return Math.Min((int)((long)units * index / ColumnParts) * ColumnUnit, N);
    }
}
