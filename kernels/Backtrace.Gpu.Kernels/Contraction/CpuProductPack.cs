using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Packs panels of B: for each k, a few adjacent columns.</summary>
internal static unsafe class CpuProductPack
{
    /// <summary>Columns from <paramref name="column"/>, of which <paramref name="columns"/> exist; zeros fill <paramref name="width"/>.</summary>
    public static void Panel(in CpuProductTask task, int k, int depth, int column, int columns, int width, float* target)
    {
        if (task.TransposedB)
            Transposed(task, k, depth, column, columns, width, target);
        else
            Rows(task, k, depth, column, columns, width, target);
    }

    /// <summary>Copies the existing columns of a panel that was computed aside.</summary>
    public static void StoreEdge(float* source, int sourceStride, float* target, int targetStride, int rows, int columns)
    {
        for (int row = 0; row < rows; row++, source += sourceStride, target += targetStride)
            Unsafe.CopyBlockUnaligned(target, source, (uint)columns * sizeof(float));
    }

    private static void Rows(in CpuProductTask task, int k, int depth, int column, int columns, int width, float* target)
    {
        float* source = task.B + ((nint)k * task.N) + column;
        for (int i = 0; i < depth; i++, source += task.N, target += width)
        {
            task.ReadB.Copy(source, target, columns);
            for (int c = columns; c < width; c++)
                target[c] = 0;
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
                Square(read, from + i, stride, target + ((nint)i * width) + c, width);
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
