using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Packs rows of A, and panels of B: for each k, a few adjacent columns.</summary>
internal static unsafe class CpuProductPack
{
    private const int RowsAtOnce = 16;

    /// <summary>Rows of A, slice after slice of k.</summary>
    public static void Slices(in CpuProductTask task, int row, int rows, int depth, float* target)
    {
        var read = task.ReadA;
        float* a = task.A + ((nint)row * task.K);
        if (task.K <= depth)
        {
            read.Copy(a, target, (nint)rows * task.K);
            return;
        }

        for (int k = 0; k < task.K; k += depth)
        {
            int width = Math.Min(depth, task.K - k);
            for (int r = 0; r < rows; r++, target += width)
                read.Copy(a + ((nint)r * task.K) + k, target, width);
        }
    }

    /// <summary>Rows of an A that lies transposed, slice after slice of k: for each k, as many adjacent rows as a micro-kernel takes.</summary>
    public static void Columns(in CpuProductTask task, int row, int rows, int depth, float* target)
    {
        int unit = task.Tile.Rows;
        var read = task.ReadA;
        for (int k = 0; k < task.K; k += depth)
        {
            int width = Math.Min(depth, task.K - k);
            for (int i = 0; i < width; i++)
            {
                float* a = task.A + ((nint)(k + i) * task.M) + row;
                float* place = target + (i * unit);
                for (int r = 0; r < rows; r += unit, place += (nint)width * unit)
                    read.Copy(a + r, place, Math.Min(unit, rows - r));
            }

            target += CpuScratch.RoundUp(rows, unit) * width;
        }
    }

    /// <summary>
    /// <paramref name="vectors"/> vectors of columns from <paramref name="column"/>, in panels of up to three. Of the columns, <paramref name="columns"/> exist;
    /// zeros take the place of the others.
    /// </summary>
    public static void Panels(in CpuProductTask task, int k, int depth, int column, int columns, int vectors, float* target)
    {
        int lanes = task.Tile.Lanes;
        if (!task.TransposedB)
        {
            for (int i = 0; i < depth; i += RowsAtOnce)
                Rows(task, task.B + ((nint)(k + i) * task.N) + column, columns, vectors, target, i, depth);
            return;
        }

        for (int v = 0; v < vectors;)
        {
            int take = CpuTile.Take(vectors - v), width = take * lanes;
            Transposed(task, k, depth, column + (v * lanes), Math.Min(width, columns - (v * lanes)), width, target);
            target += (nint)width * depth;
            v += take;
        }
    }

    /// <summary>Copies the existing columns of a panel that is computed aside, there or back.</summary>
    public static void CopyEdge(float* source, int sourceStride, float* target, int targetStride, int rows, int columns)
    {
        for (int row = 0; row < rows; row++, source += sourceStride, target += targetStride)
            Unsafe.CopyBlockUnaligned(target, source, (uint)columns * sizeof(float));
    }

    // Spreads a few rows of B over all panels: long reads, as memory likes them.
    private static void Rows(in CpuProductTask task, float* source, int columns, int vectors, float* target, int i, int depth)
    {
        int lanes = task.Tile.Lanes, rows = Math.Min(RowsAtOnce, depth - i);
        for (int v = 0; v < vectors;)
        {
            int take = CpuTile.Take(vectors - v), width = take * lanes, at = v * lanes;
            float* place = target + ((nint)at * depth) + (i * width);
            if (at + width <= columns)
                FullRows(task.ReadB, source + at, task.N, rows, width, place);
            else
                EdgeRows(task.ReadB, source + at, task.N, rows, width, columns - at, place);
            v += take;
        }
    }

    private static void FullRows(CpuReading read, float* source, nint stride, int rows, int width, float* target)
    {
        for (; rows > 0; rows--, source += stride, target += width)
        {
            CpuPrefetch.Row(source + (RowsAtOnce * stride), width);
            for (nint c = 0; c < width; c += 8)
                read.Of(Vector256.Load(source + c)).Store(target + c);
        }
    }

    private static void EdgeRows(CpuReading read, float* source, nint stride, int rows, int width, int columns, float* target)
    {
        for (; rows > 0; rows--, source += stride, target += width)
        {
            read.Copy(source, target, columns);
            new Span<float>(target + columns, width - columns).Clear();
        }
    }

    private static void Transposed(in CpuProductTask task, int k, int depth, int column, int columns, int width, float* target)
    {
        nint stride = task.K;
        float* source = task.B + (column * stride) + k;
        var read = task.ReadB;
        int c = 0;
        for (; c <= columns - 8; c += 8)
        {
            float* from = source + (c * stride);
            int i = 0;
            for (; i <= depth - 8; i += 8)
            {
                for (int j = 0; i % 16 == 0 && j < 8 && c + 16 <= columns; j++)
                    CpuPrefetch.Row(from + ((8 + j) * stride) + i, 16);
                Square(read, from + i, stride, target + ((nint)i * width) + c, width);
            }

            for (; i < depth; i++)
            {
                for (int j = 0; j < 8; j++)
                    target[((nint)i * width) + c + j] = read.Of(from[(j * stride) + i]);
            }
        }

        for (; c < width; c++)
        {
            for (int i = 0; i < depth; i++)
                target[((nint)i * width) + c] = c < columns ? read.Of(source[(c * stride) + i]) : 0;
        }
    }

    // Transposes eight by eight entries: pairs, then quadruples within the halves, then the halves.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Square(CpuReading read, float* source, nint stride, float* target, nint width)
    {
        float* middle = source + (4 * stride);
        var a = Join(read, source, middle);
        var b = Join(read, source + stride, middle + stride);
        var c = Join(read, source + (2 * stride), middle + (2 * stride));
        var d = Join(read, source + (3 * stride), middle + (3 * stride));
        Quarter(a, b, c, d, target, width);
        a = Join(read, source + 4, middle + 4);
        b = Join(read, source + stride + 4, middle + stride + 4);
        c = Join(read, source + (2 * stride) + 4, middle + (2 * stride) + 4);
        d = Join(read, source + (3 * stride) + 4, middle + (3 * stride) + 4);
        Quarter(a, b, c, d, target + (4 * width), width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Join(CpuReading read, float* low, float* high) =>
        read.Of(Vector256.Create(Vector128.Load(low), Vector128.Load(high)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quarter(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d, float* target, nint width)
    {
        var (ab, cd) = (CpuShuffle.Low(a, b), CpuShuffle.Low(c, d));
        CpuShuffle.LowPairs(ab, cd).Store(target);
        CpuShuffle.HighPairs(ab, cd).Store(target + width);
        (ab, cd) = (CpuShuffle.High(a, b), CpuShuffle.High(c, d));
        CpuShuffle.LowPairs(ab, cd).Store(target + (2 * width));
        CpuShuffle.HighPairs(ab, cd).Store(target + (3 * width));
    }
}
