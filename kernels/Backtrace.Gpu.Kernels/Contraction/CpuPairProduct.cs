using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Dense products of many rows in bf16: B is packed a chunk at a time, in cache, right before <see cref="BFloat16Kernel"/> multiplies it.</summary>
internal static unsafe class CpuPairProduct
{
    /// <summary>Least depth, and least columns, that pay for packing.</summary>
    public const int Fewest = 16;

    // A panel of B fills a first-level cache; a chunk of them and its results stay in a second-level cache.
    private const int Depth = 256;
    private const int Width = 64;
    private const int Chunk = 512;

    // B is packed once and for all up to this many entries.
    private const int WholeB = 1 << 17;
    private const int BlockRows = 256;
    private const int BlockOfA = 1 << 20;

    /// <summary>Floats that a part needs.</summary>
    public static nint SlabOf(in CpuProductTask task) => PlaceOfB(task) + (LengthOfB(task) / 2);

    /// <summary>Computes part <paramref name="part"/> and runs the epilogue over each block of rows and chunk of columns.</summary>
    public static void Run<TEpilogue>(in CpuProductTask task, in TEpilogue epilogue, int part)
        where TEpilogue : struct, IElementwise
    {
        float* slab = task.Slabs + (part * task.Slab);
        ushort* a = (ushort*)slab;
        int rowEnd = task.RowEnd(part), begin = task.ColumnBegin(part), end = task.ColumnEnd(part), block = Rows(task);
        bool whole = IsWhole(task), packed = false;
        for (int row = task.RowBegin(part); row < rowEnd; row += block)
        {
            int rows = Math.Min(block, rowEnd - row);
            CpuPairPack.Rows(task, row, rows, Depth, a);
            ushort* panel = (ushort*)(slab + PlaceOfB(task));
            for (int first = begin; first < end; first += Chunk)
            {
                int last = Math.Min(first + Chunk, end);
                ushort* slice = a;
                for (int k = 0; k < task.K; k += Depth)
                {
                    int depth = Math.Min(Depth, task.K - k), even = depth + (depth % 2);
                    if (!packed)
                        CpuPairPack.Panels(task, k, depth, first, last - first, Width, panel);
                    ushort* b = panel;
                    for (int column = first; column < last; column += Width)
                    {
                        int columns = Math.Min(Width, last - column), width = CpuPairPack.Padded(columns);
                        float* c = task.C + ((nint)row * task.N) + column;
                        if (k == 0 && task.Bias != null)
                            SpreadBias(task, column, columns, rows, c);
                        task.Kernel.Multiply(rows, columns, even, slice, even, b, width, c, task.N, k > 0 || task.Bias != null);
                        b += even * width;
                    }

                    panel = whole ? b : panel;
                    slice += (nint)rows * even;
                }

                task.Finish(epilogue, row, row + rows, first, last);
            }

            packed = whole;
        }
    }

    private static void SpreadBias(in CpuProductTask task, int column, int columns, int rows, float* c)
    {
        task.ReadBias.Copy(task.Bias + column, c, columns);
        for (int row = 1; row < rows; row++)
            new Span<float>(c, columns).CopyTo(new Span<float>(c + ((nint)row * task.N), columns));
    }

    private static int Rows(in CpuProductTask task) => Math.Min(task.M, Math.Clamp(BlockOfA / task.K, 32, BlockRows));

    private static bool IsWhole(in CpuProductTask task) => (long)CpuPairPack.Padded(task.WidestPart()) * (task.K + 1) <= WholeB;

    private static nint PlaceOfB(in CpuProductTask task) => CpuScratch.RoundUp(Rows(task) * (((nint)task.K + 1) / 2), 16);

    private static nint LengthOfB(in CpuProductTask task) =>
        IsWhole(task) ? CpuScratch.RoundUp(CpuPairPack.Padded(task.WidestPart()) * ((nint)task.K + 1), 32) : Chunk * Depth;
}
