using System.Runtime.Intrinsics;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>The micro-kernels of one vector width.</summary>
internal readonly unsafe struct CpuTile
{
    private readonly delegate*<CpuTileTask*, void> one;
    private readonly delegate*<CpuTileTask*, void> two;
    private readonly delegate*<CpuTileTask*, void> three;

    private CpuTile(int lanes, int rows, delegate*<CpuTileTask*, void> one, delegate*<CpuTileTask*, void> two, delegate*<CpuTileTask*, void> three, delegate*<CpuTileTask*, void> narrow)
    {
        Lanes = lanes;
        Rows = rows;
        this.one = one;
        this.two = two;
        this.three = three;
        Narrow = narrow;
    }

    /// <summary>Floats per vector.</summary>
    public int Lanes { get; }

    /// <summary>Rows that a kernel holds in registers; it walks over any number of rows in such blocks.</summary>
    public int Rows { get; }

    /// <summary>One row, four vectors: what a depthwise convolution has.</summary>
    public delegate*<CpuTileTask*, void> Narrow { get; }

    /// <summary>The widest vectors that the processor multiplies at full speed.</summary>
    public static CpuTile Best => Vector512.IsHardwareAccelerated ? Wide : Medium;

    /// <summary>Vectors of eight floats.</summary>
    public static CpuTile Medium => new(8, 4, &CpuTile256.One, &CpuTile256.Two, &CpuTile256.Three, &CpuTile256.Narrow);

    /// <summary>Vectors of sixteen floats.</summary>
    public static CpuTile Wide => new(16, 8, &CpuTile512.One, &CpuTile512.Two, &CpuTile512.Three, &CpuTile512.Narrow);

    /// <summary>The kernel for 1, 2 or 3 vectors.</summary>
    public delegate*<CpuTileTask*, void> For(int vectors) => vectors switch { 1 => one, 2 => two, _ => three };

    /// <summary>How many of <paramref name="left"/> vectors to take next: three, but two and two rather than three and one.</summary>
    public static int Take(int left) => left is 1 or 2 or 4 ? Math.Min(left, 2) : 3;
}
