using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Packs the operands of a dense product for <see cref="BFloat16Kernel"/>.</summary>
internal static unsafe class CpuPairPack
{
    /// <summary>Columns of a block that is transposed in registers.</summary>
    private const int Block = 16;

    /// <summary>Rows between those that are paired and those that are fetched.</summary>
    private const int Ahead = 4;

    /// <summary>Rows of A, slice after slice of k; each slice is made even with a zero.</summary>
    public static void Rows(in CpuProductTask task, int row, int rows, int depth, ushort* target)
    {
        for (int k = 0; k < task.K; k += depth)
        {
            int width = Math.Min(depth, task.K - k);
            float* source = task.A + ((nint)row * task.K) + k;
            for (int r = 0; r < rows; r++, source += task.K)
            {
                CpuBFloat16.Copy(task.ReadA, source, target, width);
                target += width;
                if (width % 2 != 0)
                    *target++ = 0;
            }
        }
    }

    /// <summary>Width of a panel that holds some columns.</summary>
    public static int Padded(int columns) => (columns + Block - 1) / Block * Block;

    /// <summary>
    /// Rows k to k + depth of some columns of B, panel after panel of <paramref name="width"/> columns, as pairs of rows that are <see cref="Padded"/> pairs
    /// long; what lies past the columns is of no meaning.
    /// </summary>
    public static void Panels(in CpuProductTask task, int k, int depth, int column, int columns, int width, ushort* target)
    {
        if (task.IsBFloat16B)
            Panels<ushort>(task, k, depth, column, columns, width, target);
        else
            Panels<float>(task, k, depth, column, columns, width, target);
    }

    private static void Panels<T>(in CpuProductTask task, int k, int depth, int column, int columns, int width, ushort* target)
        where T : unmanaged
    {
        int even = depth + (depth % 2);
        if (task.TransposedB)
        {
            for (int c = 0; c < columns; c += width, target += even * width)
            {
                int count = Math.Min(width, columns - c);
                Transposed<T>(task, k, depth, column + c, count, columns - c, Padded(count), target);
            }

            return;
        }

        // Two rows at a time over all panels: long reads, as memory likes them.
        T* source = (T*)task.B + ((nint)k * task.N) + column;
        for (int i = 0; i < depth; i += 2, source += 2 * (nint)task.N)
        {
            T* second = i + 1 < depth ? source + task.N : null;
            for (int c = 0; c < columns; c += width)
            {
                int count = Math.Min(width, columns - c);
                if (i + Ahead < depth)
                {
                    CpuPrefetch.Row(source + (Ahead * (nint)task.N) + c, count);
                    CpuPrefetch.Row(source + ((Ahead + 1) * (nint)task.N) + c, count);
                }

                CpuBFloat16.Pair(task.ReadB, source + c, second == null ? null : second + c, target + ((nint)c * even) + ((nint)i * Padded(count)), count);
            }
        }
    }

    private static void Transposed<T>(in CpuProductTask task, int k, int depth, int column, int columns, int available, int width, ushort* target)
        where T : unmanaged
    {
        nint stride = task.K;
        for (int c = 0; c < columns; c += Block, target += 2 * Block)
        {
            T* source = (T*)task.B + ((column + c) * stride) + k;
            int count = Math.Min(Block, columns - c), i = 0;
            if (Avx512F.IsSupported && count == Block)
            {
                for (; i <= depth - CpuBFloat16.Lanes; i += CpuBFloat16.Lanes)
                {
                    for (int j = 0; j < Block && c + (2 * Block) <= available; j++)
                        CpuPrefetch.Row(source + ((Block + j) * stride) + i, CpuBFloat16.Lanes);
                    Square(task.ReadB, source + i, stride, target + ((nint)i * width), 2 * (nint)width);
                }
            }

            for (; i < depth; i += 2)
            {
                ushort* pair = target + ((nint)i * width);
                for (int j = 0; j < count; j++)
                {
                    T* entry = source + (j * stride) + i;
                    pair[2 * j] = CpuBFloat16.One(task.ReadB, entry);
                    pair[(2 * j) + 1] = i + 1 < depth ? CpuBFloat16.One(task.ReadB, entry + 1) : (ushort)0;
                }
            }
        }
    }

    // Transposes sixteen by sixteen pairs: quadruples of rows, then quarters.
    private static void Square<T>(CpuReading read, T* source, nint stride, ushort* target, nint next)
        where T : unmanaged
    {
        Four(read, source, stride, out var a0, out var a1, out var a2, out var a3);
        Four(read, source + (4 * stride), stride, out var b0, out var b1, out var b2, out var b3);
        Four(read, source + (8 * stride), stride, out var c0, out var c1, out var c2, out var c3);
        Four(read, source + (12 * stride), stride, out var d0, out var d1, out var d2, out var d3);
        Quarters(a0, b0, c0, d0, target, next);
        Quarters(a1, b1, c1, d1, target + next, next);
        Quarters(a2, b2, c2, d2, target + (2 * next), next);
        Quarters(a3, b3, c3, d3, target + (3 * next), next);
    }

    // In each quarter: column 4q (q1: 4q + 1, ...) of four rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four<T>(CpuReading read, T* source, nint stride, out Vector512<long> q0, out Vector512<long> q1, out Vector512<long> q2, out Vector512<long> q3)
        where T : unmanaged
    {
        var a = CpuBFloat16.Adjacent(read, source).AsInt32();
        var b = CpuBFloat16.Adjacent(read, source + stride).AsInt32();
        var c = CpuBFloat16.Adjacent(read, source + (2 * stride)).AsInt32();
        var d = CpuBFloat16.Adjacent(read, source + (3 * stride)).AsInt32();
        var (ab, cd) = (Avx512F.UnpackLow(a, b).AsInt64(), Avx512F.UnpackLow(c, d).AsInt64());
        q0 = Avx512F.UnpackLow(ab, cd);
        q1 = Avx512F.UnpackHigh(ab, cd);
        (ab, cd) = (Avx512F.UnpackHigh(a, b).AsInt64(), Avx512F.UnpackHigh(c, d).AsInt64());
        q2 = Avx512F.UnpackLow(ab, cd);
        q3 = Avx512F.UnpackHigh(ab, cd);
    }

    // Columns j, 4 + j, 8 + j, 12 + j of sixteen rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quarters(Vector512<long> a, Vector512<long> b, Vector512<long> c, Vector512<long> d, ushort* target, nint next)
    {
        var (ab, cd) = (Avx512F.Shuffle4x128(a, b, 0b10_00_10_00), Avx512F.Shuffle4x128(c, d, 0b10_00_10_00));
        Avx512F.Shuffle4x128(ab, cd, 0b10_00_10_00).AsUInt16().Store(target);
        Avx512F.Shuffle4x128(ab, cd, 0b11_01_11_01).AsUInt16().Store(target + (8 * next));
        (ab, cd) = (Avx512F.Shuffle4x128(a, b, 0b11_01_11_01), Avx512F.Shuffle4x128(c, d, 0b11_01_11_01));
        Avx512F.Shuffle4x128(ab, cd, 0b10_00_10_00).AsUInt16().Store(target + (4 * next));
        Avx512F.Shuffle4x128(ab, cd, 0b11_01_11_01).AsUInt16().Store(target + (12 * next));
    }
}
