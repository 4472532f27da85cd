using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// x = y·w for a few rows y: w is streamed once, eight of its rows at a time, added to all rows of x that are kept in cache. Rows of w that no
/// row of y wants are skipped. Entries are summed in the order of the rows of w, as <see cref="CpuProduct"/> does: same bits.
/// </summary>
internal static unsafe class CpuRowsTransposed
{
    /// <summary>Up to this many rows of y this beats packing w.</summary>
    public const int Most = 4;

    // Eight rows of w this long stay in the first-level cache while several rows of y use them.
    private const int ColumnBlock = 512;
    private const int Group = 8;

    /// <summary>Floats that a part needs.</summary>
    public static nint SlabOf(in CpuProductTask task) =>
        CpuScratch.RoundUp(task.K, 16) + CpuScratch.RoundUp((nint)task.M * task.K, 16) + (task.ReadB.IsRounded ? Group * ColumnBlock : 0);

    /// <summary>Computes the columns of part <paramref name="part"/>.</summary>
    public static void Run<TEpilogue>(in CpuProductTask task, in TEpilogue epilogue, int part)
        where TEpilogue : struct, IElementwise
    {
        int* rows = (int*)(task.Slabs + (part * task.Slab));
        float* y = (float*)rows + CpuScratch.RoundUp(task.K, 16);
        float* copy = y + CpuScratch.RoundUp((nint)task.M * task.K, 16);
        int count = Compress(task, rows, y);
        int begin = task.ColumnBegin(part), end = task.ColumnEnd(part);
        float** w = stackalloc float*[Group];
        var read = task.ReadB.Rest;
        for (int n = begin; n < end; n += ColumnBlock)
        {
            int width = Math.Min(ColumnBlock, end - n);
            for (int m = 0; m < task.M; m++)
                new Span<float>(task.C + ((nint)m * task.N) + n, width).Clear();
            for (int k = 0; k < count; k += Group)
            {
                // Missing rows repeat the first one, with coefficient zero.
                for (int i = 0; i < Group; i++)
                {
                    w[i] = task.B + ((nint)rows[k + i < count ? k + i : k] * task.N) + n;
                    if (task.ReadB.IsRounded)
                    {
                        task.ReadB.Copy(w[i], copy + (i * ColumnBlock), width);
                        w[i] = copy + (i * ColumnBlock);
                    }
                }

                for (int m = 0; m < task.M; m++)
                {
                    float* x = task.C + ((nint)m * task.N) + n;
                    if (read.IsOneSided)
                        Add<CpuSide>(w, y + ((nint)m * count) + k, Math.Min(Group, count - k), x, width, read, read.Flip);
                    else
                        Add<CpuMasked>(w, y + ((nint)m * count) + k, Math.Min(Group, count - k), x, width, read, read.Mask);
                }
            }
        }

        task.Finish(epilogue, 0, task.M, begin, end);
    }

    // The rows of w that have a coefficient other than zero, and the coefficients.
    private static int Compress(in CpuProductTask task, int* rows, float* y)
    {
        int count = 0;
        for (int k = 0; k < task.K; k++)
        {
            bool wanted = false;
            for (int m = 0; m < task.M; m++)
                wanted |= task.A[((nint)m * task.K) + k] != 0;
            rows[count] = k;
            count += wanted ? 1 : 0;
        }

        for (int m = 0; m < task.M; m++)
        {
            for (int i = 0; i < count; i++)
                y[((nint)m * count) + i] = task.ReadA.Of(task.A[((nint)m * task.K) + rows[i]]);
        }

        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<TReading>(float** w, float* y, int count, float* x, int width, CpuReading read, Vector256<float> bits)
        where TReading : struct, ICpuVectorReading
    {
        float f0 = y[0], f1 = count > 1 ? y[1] : 0, f2 = count > 2 ? y[2] : 0, f3 = count > 3 ? y[3] : 0;
        float f4 = count > 4 ? y[4] : 0, f5 = count > 5 ? y[5] : 0, f6 = count > 6 ? y[6] : 0, f7 = count > 7 ? y[7] : 0;
        var (v0, v1, v2, v3) = (Vector256.Create(f0), Vector256.Create(f1), Vector256.Create(f2), Vector256.Create(f3));
        var (v4, v5, v6, v7) = (Vector256.Create(f4), Vector256.Create(f5), Vector256.Create(f6), Vector256.Create(f7));
        float* w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3], w4 = w[4], w5 = w[5], w6 = w[6], w7 = w[7];
        int i = 0;
        for (; i <= width - 8; i += 8)
        {
            var s = Vector256.MultiplyAddEstimate(v0, TReading.Of(Vector256.Load(w0 + i), bits), Vector256.Load(x + i));
            s = Vector256.MultiplyAddEstimate(v1, TReading.Of(Vector256.Load(w1 + i), bits), s);
            s = Vector256.MultiplyAddEstimate(v2, TReading.Of(Vector256.Load(w2 + i), bits), s);
            s = Vector256.MultiplyAddEstimate(v3, TReading.Of(Vector256.Load(w3 + i), bits), s);
            s = Vector256.MultiplyAddEstimate(v4, TReading.Of(Vector256.Load(w4 + i), bits), s);
            s = Vector256.MultiplyAddEstimate(v5, TReading.Of(Vector256.Load(w5 + i), bits), s);
            s = Vector256.MultiplyAddEstimate(v6, TReading.Of(Vector256.Load(w6 + i), bits), s);
            s = Vector256.MultiplyAddEstimate(v7, TReading.Of(Vector256.Load(w7 + i), bits), s);
            s.Store(x + i);
        }

        for (; i < width; i++)
        {
            float s = float.MultiplyAddEstimate(f0, read.Of(w0[i]), x[i]);
            s = float.MultiplyAddEstimate(f1, read.Of(w1[i]), s);
            s = float.MultiplyAddEstimate(f2, read.Of(w2[i]), s);
            s = float.MultiplyAddEstimate(f3, read.Of(w3[i]), s);
            s = float.MultiplyAddEstimate(f4, read.Of(w4[i]), s);
            s = float.MultiplyAddEstimate(f5, read.Of(w5[i]), s);
            s = float.MultiplyAddEstimate(f6, read.Of(w6[i]), s);
            x[i] = float.MultiplyAddEstimate(f7, read.Of(w7[i]), s);
        }
    }
}
