using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// Micro-kernels on vectors of eight floats: four rows by 1, 2 or 3 vectors, all sums in registers. Written out by hand because the
/// compiler keeps only plain locals in registers. Rows past the end repeat the last row, so that no kernel needs a remainder.
/// </summary>
[SkipLocalsInit]
internal static unsafe class CpuTile256
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void One(CpuTileTask* task)
    {
        float* a0 = task->A;
        for (int row = 0; row < task->Rows; row += 4, a0 += task->ABlock)
        {
            int last = task->Rows - 1;
            nint r0 = row, r1 = Math.Min(row + 1, last), r2 = Math.Min(row + 2, last), r3 = Math.Min(row + 3, last);
            nint i = task->InitStride;
            var s00 = Vector256.Load(task->Init0 + (r0 * i));
            var s10 = Vector256.Load(task->Init0 + (r1 * i));
            var s20 = Vector256.Load(task->Init0 + (r2 * i));
            var s30 = Vector256.Load(task->Init0 + (r3 * i));
            nint s = task->AStride;
            float* a1 = a0 + ((r1 - row) * s), a2 = a0 + ((r2 - row) * s), a3 = a0 + ((r3 - row) * s);
            float* b0 = task->B0;
            int* tap = task->Taps;
            int* end = tap + (2 * task->TapCount);
            while (tap < end)
            {
                nint a = tap[0], b = tap[1];
                tap += 2;
                var x0 = Vector256.Load(b0 + b);
                var w = Vector256.Create(a0[a]);
                s00 = Vector256.MultiplyAddEstimate(w, x0, s00);
                w = Vector256.Create(a1[a]);
                s10 = Vector256.MultiplyAddEstimate(w, x0, s10);
                w = Vector256.Create(a2[a]);
                s20 = Vector256.MultiplyAddEstimate(w, x0, s20);
                w = Vector256.Create(a3[a]);
                s30 = Vector256.MultiplyAddEstimate(w, x0, s30);
            }

            nint c = task->CStride;
            s00.Store(task->C0 + (r0 * c));
            s10.Store(task->C0 + (r1 * c));
            s20.Store(task->C0 + (r2 * c));
            s30.Store(task->C0 + (r3 * c));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Two(CpuTileTask* task)
    {
        float* a0 = task->A;
        for (int row = 0; row < task->Rows; row += 4, a0 += task->ABlock)
        {
            int last = task->Rows - 1;
            nint r0 = row, r1 = Math.Min(row + 1, last), r2 = Math.Min(row + 2, last), r3 = Math.Min(row + 3, last);
            nint i = task->InitStride;
            var s00 = Vector256.Load(task->Init0 + (r0 * i));
            var s01 = Vector256.Load(task->Init1 + (r0 * i));
            var s10 = Vector256.Load(task->Init0 + (r1 * i));
            var s11 = Vector256.Load(task->Init1 + (r1 * i));
            var s20 = Vector256.Load(task->Init0 + (r2 * i));
            var s21 = Vector256.Load(task->Init1 + (r2 * i));
            var s30 = Vector256.Load(task->Init0 + (r3 * i));
            var s31 = Vector256.Load(task->Init1 + (r3 * i));
            nint s = task->AStride;
            float* a1 = a0 + ((r1 - row) * s), a2 = a0 + ((r2 - row) * s), a3 = a0 + ((r3 - row) * s);
            float* b0 = task->B0, b1 = task->B1;
            int* tap = task->Taps;
            int* end = tap + (2 * task->TapCount);
            while (tap < end)
            {
                nint a = tap[0], b = tap[1];
                tap += 2;
                var x0 = Vector256.Load(b0 + b);
                var x1 = Vector256.Load(b1 + b);
                var w = Vector256.Create(a0[a]);
                s00 = Vector256.MultiplyAddEstimate(w, x0, s00);
                s01 = Vector256.MultiplyAddEstimate(w, x1, s01);
                w = Vector256.Create(a1[a]);
                s10 = Vector256.MultiplyAddEstimate(w, x0, s10);
                s11 = Vector256.MultiplyAddEstimate(w, x1, s11);
                w = Vector256.Create(a2[a]);
                s20 = Vector256.MultiplyAddEstimate(w, x0, s20);
                s21 = Vector256.MultiplyAddEstimate(w, x1, s21);
                w = Vector256.Create(a3[a]);
                s30 = Vector256.MultiplyAddEstimate(w, x0, s30);
                s31 = Vector256.MultiplyAddEstimate(w, x1, s31);
            }

            nint c = task->CStride;
            s00.Store(task->C0 + (r0 * c));
            s01.Store(task->C1 + (r0 * c));
            s10.Store(task->C0 + (r1 * c));
            s11.Store(task->C1 + (r1 * c));
            s20.Store(task->C0 + (r2 * c));
            s21.Store(task->C1 + (r2 * c));
            s30.Store(task->C0 + (r3 * c));
            s31.Store(task->C1 + (r3 * c));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Three(CpuTileTask* task)
    {
        float* a0 = task->A;
        for (int row = 0; row < task->Rows; row += 4, a0 += task->ABlock)
        {
            int last = task->Rows - 1;
            nint r0 = row, r1 = Math.Min(row + 1, last), r2 = Math.Min(row + 2, last), r3 = Math.Min(row + 3, last);
            nint i = task->InitStride;
            var s00 = Vector256.Load(task->Init0 + (r0 * i));
            var s01 = Vector256.Load(task->Init1 + (r0 * i));
            var s02 = Vector256.Load(task->Init2 + (r0 * i));
            var s10 = Vector256.Load(task->Init0 + (r1 * i));
            var s11 = Vector256.Load(task->Init1 + (r1 * i));
            var s12 = Vector256.Load(task->Init2 + (r1 * i));
            var s20 = Vector256.Load(task->Init0 + (r2 * i));
            var s21 = Vector256.Load(task->Init1 + (r2 * i));
            var s22 = Vector256.Load(task->Init2 + (r2 * i));
            var s30 = Vector256.Load(task->Init0 + (r3 * i));
            var s31 = Vector256.Load(task->Init1 + (r3 * i));
            var s32 = Vector256.Load(task->Init2 + (r3 * i));
            nint s = task->AStride;
            float* a1 = a0 + ((r1 - row) * s), a2 = a0 + ((r2 - row) * s), a3 = a0 + ((r3 - row) * s);
            float* b0 = task->B0, b1 = task->B1, b2 = task->B2;
            int* tap = task->Taps;
            int* end = tap + (2 * task->TapCount);
            while (tap < end)
            {
                nint a = tap[0], b = tap[1];
                tap += 2;
                var x0 = Vector256.Load(b0 + b);
                var x1 = Vector256.Load(b1 + b);
                var x2 = Vector256.Load(b2 + b);
                var w = Vector256.Create(a0[a]);
                s00 = Vector256.MultiplyAddEstimate(w, x0, s00);
                s01 = Vector256.MultiplyAddEstimate(w, x1, s01);
                s02 = Vector256.MultiplyAddEstimate(w, x2, s02);
                w = Vector256.Create(a1[a]);
                s10 = Vector256.MultiplyAddEstimate(w, x0, s10);
                s11 = Vector256.MultiplyAddEstimate(w, x1, s11);
                s12 = Vector256.MultiplyAddEstimate(w, x2, s12);
                w = Vector256.Create(a2[a]);
                s20 = Vector256.MultiplyAddEstimate(w, x0, s20);
                s21 = Vector256.MultiplyAddEstimate(w, x1, s21);
                s22 = Vector256.MultiplyAddEstimate(w, x2, s22);
                w = Vector256.Create(a3[a]);
                s30 = Vector256.MultiplyAddEstimate(w, x0, s30);
                s31 = Vector256.MultiplyAddEstimate(w, x1, s31);
                s32 = Vector256.MultiplyAddEstimate(w, x2, s32);
            }

            nint c = task->CStride;
            s00.Store(task->C0 + (r0 * c));
            s01.Store(task->C1 + (r0 * c));
            s02.Store(task->C2 + (r0 * c));
            s10.Store(task->C0 + (r1 * c));
            s11.Store(task->C1 + (r1 * c));
            s12.Store(task->C2 + (r1 * c));
            s20.Store(task->C0 + (r2 * c));
            s21.Store(task->C1 + (r2 * c));
            s22.Store(task->C2 + (r2 * c));
            s30.Store(task->C0 + (r3 * c));
            s31.Store(task->C1 + (r3 * c));
            s32.Store(task->C2 + (r3 * c));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Narrow(CpuTileTask* task)
    {
        var s0 = Vector256.Load(task->Init0);
        var s1 = Vector256.Load(task->Init1);
        var s2 = Vector256.Load(task->Init2);
        var s3 = Vector256.Load(task->Init3);
        float* a = task->A;
        float* b0 = task->B0, b1 = task->B1, b2 = task->B2, b3 = task->B3;
        int* tap = task->Taps;
        int* end = tap + (2 * task->TapCount);
        while (tap < end)
        {
            var w = Vector256.Create(a[tap[0]]);
            nint b = tap[1];
            tap += 2;
            s0 = Vector256.MultiplyAddEstimate(w, Vector256.Load(b0 + b), s0);
            s1 = Vector256.MultiplyAddEstimate(w, Vector256.Load(b1 + b), s1);
            s2 = Vector256.MultiplyAddEstimate(w, Vector256.Load(b2 + b), s2);
            s3 = Vector256.MultiplyAddEstimate(w, Vector256.Load(b3 + b), s3);
        }

        s0.Store(task->C0);
        s1.Store(task->C1);
        s2.Store(task->C2);
        s3.Store(task->C3);
    }
}
