using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>y = bias + x·wᵀ for a few rows x: w is streamed once, several of its rows at a time, each meeting all rows of x while in cache.</summary>
internal static unsafe class CpuRows
{
    /// <summary>Up to this many rows of x this beats packing w.</summary>
    public const int Most = 5;

    private const int Group = 8;

    /// <summary>Floats that a part needs.</summary>
    public static nint SlabOf(in CpuProductTask task) =>
        ((nint)task.M * Padded(task.K)) + (task.ReadB.IsRounded ? CpuScratch.RoundUp((nint)Group * task.K, 16) : 0);

    /// <summary>Computes the columns of part <paramref name="part"/>.</summary>
    public static void Run<TEpilogue>(in CpuProductTask task, in TEpilogue epilogue, int part)
        where TEpilogue : struct, IElementwise
    {
        float* x = task.Slabs + (part * task.Slab);
        nint padded = Padded(task.K);
        for (int m = 0; m < task.M; m++)
            Read(task, task.A + ((nint)m * task.K), x + (m * padded));

        int begin = task.ColumnBegin(part), end = task.ColumnEnd(part);
        var read = task.ReadB.Rest;
        for (int n = begin; n < end; n += Group)
        {
            int count = Math.Min(Group, end - n);
            float* w = task.B + ((nint)n * task.K);
            if (task.ReadB.IsRounded)
            {
                task.ReadB.Copy(w, x + (task.M * padded), (nint)count * task.K);
                w = x + (task.M * padded);
            }

            int m = 0;
            if (task.K < 8)
            {
                for (; m < task.M; m++)
                    Short(task, x + (m * padded), w, m, n, count);
            }

            for (; m < task.M - 1; m += 2)
            {
                if (read.IsOneSided)
                    Four<CpuSide>(task, x + (m * padded), padded, w, m, n, count, read.Flip);
                else
                    Four<CpuMasked>(task, x + (m * padded), padded, w, m, n, count, read.Mask);
            }

            if (m < task.M && read.IsOneSided)
                One<CpuSide>(task, x + (m * padded), w, m, n, count, read.Flip);
            else if (m < task.M)
                One<CpuMasked>(task, x + (m * padded), w, m, n, count, read.Mask);
        }

        task.Finish(epilogue, 0, task.M, begin, end);
    }

    private static nint Padded(int k) => (k & ~7) + 8;

    // The last vector ends at the end of the row; of its entries those that were counted before are zero.
    private static void Read(in CpuProductTask task, float* x, float* target)
    {
        int whole = task.K & ~7;
        task.ReadA.Copy(x, target, whole);
        for (int i = 0; i < 8; i++)
        {
            int at = task.K < 8 ? i : task.K - 8 + i;
            target[whole + i] = at >= whole && at < task.K ? task.ReadA.Of(x[at]) : 0;
        }
    }

    private static void Short(in CpuProductTask task, float* x, float* w, int m, int n, int count)
    {
        var read = task.ReadB.Rest;
        for (int j = 0; j < count; j++, w += task.K)
        {
            float sum = 0;
            for (int k = 0; k < task.K; k++)
                sum += x[k] * read.Of(w[k]);
            Store(task, m, n + j, sum);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(in CpuProductTask task, int m, int n, float sum) =>
        task.C[((nint)m * task.N) + n] = sum + (task.Bias == null ? 0 : task.ReadBias.Of(task.Bias[n]));

    // Two rows of x and up to eight of w, four at a time.
    private static void Four<TReading>(in CpuProductTask task, float* x, nint padded, float* w, int m, int n, int count, Vector256<float> bits)
        where TReading : struct, ICpuVectorReading
    {
        Two<TReading>(task, x, padded, w, m, n, Math.Min(count, 4), bits);
        if (count > 4)
            Two<TReading>(task, x, padded, w + (4 * (nint)task.K), m, n + 4, count - 4, bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One<TReading>(in CpuProductTask task, float* x, float* w, int m, int n, int count, Vector256<float> bits)
        where TReading : struct, ICpuVectorReading
    {
        nint k = task.K, last = count - 1;
        float* w1 = w + (Math.Min(1, last) * k);
        float* w2 = w + (Math.Min(2, last) * k);
        float* w3 = w + (Math.Min(3, last) * k);
        float* w4 = w + (Math.Min(4, last) * k);
        float* w5 = w + (Math.Min(5, last) * k);
        float* w6 = w + (Math.Min(6, last) * k);
        float* w7 = w + (Math.Min(7, last) * k);
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
        for (nint i = 0; i < k; i += 8)
        {
            nint at = Math.Min(i, k - 8);
            var v = Vector256.Load(x + i);
            s0 = Vector256.MultiplyAddEstimate(v, TReading.Of(Vector256.Load(w + at), bits), s0);
            s1 = Vector256.MultiplyAddEstimate(v, TReading.Of(Vector256.Load(w1 + at), bits), s1);
            s2 = Vector256.MultiplyAddEstimate(v, TReading.Of(Vector256.Load(w2 + at), bits), s2);
            s3 = Vector256.MultiplyAddEstimate(v, TReading.Of(Vector256.Load(w3 + at), bits), s3);
            s4 = Vector256.MultiplyAddEstimate(v, TReading.Of(Vector256.Load(w4 + at), bits), s4);
            s5 = Vector256.MultiplyAddEstimate(v, TReading.Of(Vector256.Load(w5 + at), bits), s5);
            s6 = Vector256.MultiplyAddEstimate(v, TReading.Of(Vector256.Load(w6 + at), bits), s6);
            s7 = Vector256.MultiplyAddEstimate(v, TReading.Of(Vector256.Load(w7 + at), bits), s7);
        }

        Store(task, m, n, Vector256.Sum(s0));
        if (count > 1)
            Store(task, m, n + 1, Vector256.Sum(s1));
        if (count > 2)
            Store(task, m, n + 2, Vector256.Sum(s2));
        if (count > 3)
            Store(task, m, n + 3, Vector256.Sum(s3));
        if (count > 4)
            Store(task, m, n + 4, Vector256.Sum(s4));
        if (count > 5)
            Store(task, m, n + 5, Vector256.Sum(s5));
        if (count > 6)
            Store(task, m, n + 6, Vector256.Sum(s6));
        if (count > 7)
            Store(task, m, n + 7, Vector256.Sum(s7));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Two<TReading>(in CpuProductTask task, float* x, nint padded, float* w, int m, int n, int count, Vector256<float> bits)
        where TReading : struct, ICpuVectorReading
    {
        nint k = task.K, last = count - 1;
        float* w1 = w + (Math.Min(1, last) * k);
        float* w2 = w + (Math.Min(2, last) * k);
        float* w3 = w + (Math.Min(3, last) * k);
        float* y = x + padded;
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default, t0 = default, t1 = default, t2 = default, t3 = default;
        for (nint i = 0; i < k; i += 8)
        {
            nint at = Math.Min(i, k - 8);
            var v = Vector256.Load(x + i);
            var u = Vector256.Load(y + i);
            var a = TReading.Of(Vector256.Load(w + at), bits);
            s0 = Vector256.MultiplyAddEstimate(v, a, s0);
            t0 = Vector256.MultiplyAddEstimate(u, a, t0);
            a = TReading.Of(Vector256.Load(w1 + at), bits);
            s1 = Vector256.MultiplyAddEstimate(v, a, s1);
            t1 = Vector256.MultiplyAddEstimate(u, a, t1);
            a = TReading.Of(Vector256.Load(w2 + at), bits);
            s2 = Vector256.MultiplyAddEstimate(v, a, s2);
            t2 = Vector256.MultiplyAddEstimate(u, a, t2);
            a = TReading.Of(Vector256.Load(w3 + at), bits);
            s3 = Vector256.MultiplyAddEstimate(v, a, s3);
            t3 = Vector256.MultiplyAddEstimate(u, a, t3);
        }

        Store(task, m, n, Vector256.Sum(s0));
        Store(task, m + 1, n, Vector256.Sum(t0));
        if (count > 1)
        {
            Store(task, m, n + 1, Vector256.Sum(s1));
            Store(task, m + 1, n + 1, Vector256.Sum(t1));
        }

        if (count > 2)
        {
            Store(task, m, n + 2, Vector256.Sum(s2));
            Store(task, m + 1, n + 2, Vector256.Sum(t2));
        }

        if (count > 3)
        {
            Store(task, m, n + 3, Vector256.Sum(s3));
            Store(task, m + 1, n + 3, Vector256.Sum(t3));
        }
    }
}
