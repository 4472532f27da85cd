using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// Micro-kernels on vectors of sixteen floats: eight rows by 1, 2 or 3 vectors, all sums in registers. Written out by hand because the
/// compiler keeps only plain locals in registers. Rows past the end repeat the last row, so that no kernel needs a remainder.
/// </summary>
[SkipLocalsInit]
internal static unsafe class CpuTile512
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void One(CpuTileTask* task)
    {
        float* a0 = task->A;
        for (int row = 0; row < task->Rows; row += 8, a0 += task->ABlock)
        {
            int last = task->Rows - 1;
            nint r0 = row, r1 = Math.Min(row + 1, last), r2 = Math.Min(row + 2, last), r3 = Math.Min(row + 3, last), r4 = Math.Min(row + 4, last), r5 = Math.Min(row + 5, last), r6 = Math.Min(row + 6, last), r7 = Math.Min(row + 7, last);
            nint i = task->InitStride;
            var s00 = Vector512.Load(task->Init0 + (r0 * i));
            var s10 = Vector512.Load(task->Init0 + (r1 * i));
            var s20 = Vector512.Load(task->Init0 + (r2 * i));
            var s30 = Vector512.Load(task->Init0 + (r3 * i));
            var s40 = Vector512.Load(task->Init0 + (r4 * i));
            var s50 = Vector512.Load(task->Init0 + (r5 * i));
            var s60 = Vector512.Load(task->Init0 + (r6 * i));
            var s70 = Vector512.Load(task->Init0 + (r7 * i));
            nint s = task->AStride;
            float* a1 = a0 + ((r1 - row) * s), a2 = a0 + ((r2 - row) * s), a3 = a0 + ((r3 - row) * s), a4 = a0 + ((r4 - row) * s), a5 = a0 + ((r5 - row) * s), a6 = a0 + ((r6 - row) * s), a7 = a0 + ((r7 - row) * s);
            float* b0 = task->B0;
            int* tap = task->Taps;
            int* end = tap + (2 * task->TapCount);
            while (tap < end)
            {
                nint a = tap[0], b = tap[1];
                tap += 2;
                var x0 = Vector512.Load(b0 + b);
                var w = Vector512.Create(a0[a]);
                s00 = Vector512.MultiplyAddEstimate(w, x0, s00);
                w = Vector512.Create(a1[a]);
                s10 = Vector512.MultiplyAddEstimate(w, x0, s10);
                w = Vector512.Create(a2[a]);
                s20 = Vector512.MultiplyAddEstimate(w, x0, s20);
                w = Vector512.Create(a3[a]);
                s30 = Vector512.MultiplyAddEstimate(w, x0, s30);
                w = Vector512.Create(a4[a]);
                s40 = Vector512.MultiplyAddEstimate(w, x0, s40);
                w = Vector512.Create(a5[a]);
                s50 = Vector512.MultiplyAddEstimate(w, x0, s50);
                w = Vector512.Create(a6[a]);
                s60 = Vector512.MultiplyAddEstimate(w, x0, s60);
                w = Vector512.Create(a7[a]);
                s70 = Vector512.MultiplyAddEstimate(w, x0, s70);
            }

            nint c = task->CStride;
            s00.Store(task->C0 + (r0 * c));
            s10.Store(task->C0 + (r1 * c));
            s20.Store(task->C0 + (r2 * c));
            s30.Store(task->C0 + (r3 * c));
            s40.Store(task->C0 + (r4 * c));
            s50.Store(task->C0 + (r5 * c));
            s60.Store(task->C0 + (r6 * c));
            s70.Store(task->C0 + (r7 * c));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Two(CpuTileTask* task)
    {
        float* a0 = task->A;
        for (int row = 0; row < task->Rows; row += 8, a0 += task->ABlock)
        {
            int last = task->Rows - 1;
            nint r0 = row, r1 = Math.Min(row + 1, last), r2 = Math.Min(row + 2, last), r3 = Math.Min(row + 3, last), r4 = Math.Min(row + 4, last), r5 = Math.Min(row + 5, last), r6 = Math.Min(row + 6, last), r7 = Math.Min(row + 7, last);
            nint i = task->InitStride;
            var s00 = Vector512.Load(task->Init0 + (r0 * i));
            var s01 = Vector512.Load(task->Init1 + (r0 * i));
            var s10 = Vector512.Load(task->Init0 + (r1 * i));
            var s11 = Vector512.Load(task->Init1 + (r1 * i));
            var s20 = Vector512.Load(task->Init0 + (r2 * i));
            var s21 = Vector512.Load(task->Init1 + (r2 * i));
            var s30 = Vector512.Load(task->Init0 + (r3 * i));
            var s31 = Vector512.Load(task->Init1 + (r3 * i));
            var s40 = Vector512.Load(task->Init0 + (r4 * i));
            var s41 = Vector512.Load(task->Init1 + (r4 * i));
            var s50 = Vector512.Load(task->Init0 + (r5 * i));
            var s51 = Vector512.Load(task->Init1 + (r5 * i));
            var s60 = Vector512.Load(task->Init0 + (r6 * i));
            var s61 = Vector512.Load(task->Init1 + (r6 * i));
            var s70 = Vector512.Load(task->Init0 + (r7 * i));
            var s71 = Vector512.Load(task->Init1 + (r7 * i));
            nint s = task->AStride;
            float* a1 = a0 + ((r1 - row) * s), a2 = a0 + ((r2 - row) * s), a3 = a0 + ((r3 - row) * s), a4 = a0 + ((r4 - row) * s), a5 = a0 + ((r5 - row) * s), a6 = a0 + ((r6 - row) * s), a7 = a0 + ((r7 - row) * s);
            float* b0 = task->B0, b1 = task->B1;
            int* tap = task->Taps;
            int* end = tap + (2 * task->TapCount);
            while (tap < end)
            {
                nint a = tap[0], b = tap[1];
                tap += 2;
                var x0 = Vector512.Load(b0 + b);
                var x1 = Vector512.Load(b1 + b);
                var w = Vector512.Create(a0[a]);
                s00 = Vector512.MultiplyAddEstimate(w, x0, s00);
                s01 = Vector512.MultiplyAddEstimate(w, x1, s01);
                w = Vector512.Create(a1[a]);
                s10 = Vector512.MultiplyAddEstimate(w, x0, s10);
                s11 = Vector512.MultiplyAddEstimate(w, x1, s11);
                w = Vector512.Create(a2[a]);
                s20 = Vector512.MultiplyAddEstimate(w, x0, s20);
                s21 = Vector512.MultiplyAddEstimate(w, x1, s21);
                w = Vector512.Create(a3[a]);
                s30 = Vector512.MultiplyAddEstimate(w, x0, s30);
                s31 = Vector512.MultiplyAddEstimate(w, x1, s31);
                w = Vector512.Create(a4[a]);
                s40 = Vector512.MultiplyAddEstimate(w, x0, s40);
                s41 = Vector512.MultiplyAddEstimate(w, x1, s41);
                w = Vector512.Create(a5[a]);
                s50 = Vector512.MultiplyAddEstimate(w, x0, s50);
                s51 = Vector512.MultiplyAddEstimate(w, x1, s51);
                w = Vector512.Create(a6[a]);
                s60 = Vector512.MultiplyAddEstimate(w, x0, s60);
                s61 = Vector512.MultiplyAddEstimate(w, x1, s61);
                w = Vector512.Create(a7[a]);
                s70 = Vector512.MultiplyAddEstimate(w, x0, s70);
                s71 = Vector512.MultiplyAddEstimate(w, x1, s71);
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
            s40.Store(task->C0 + (r4 * c));
            s41.Store(task->C1 + (r4 * c));
            s50.Store(task->C0 + (r5 * c));
            s51.Store(task->C1 + (r5 * c));
            s60.Store(task->C0 + (r6 * c));
            s61.Store(task->C1 + (r6 * c));
            s70.Store(task->C0 + (r7 * c));
            s71.Store(task->C1 + (r7 * c));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Three(CpuTileTask* task)
    {
        float* a0 = task->A;
        for (int row = 0; row < task->Rows; row += 8, a0 += task->ABlock)
        {
            int last = task->Rows - 1;
            nint r0 = row, r1 = Math.Min(row + 1, last), r2 = Math.Min(row + 2, last), r3 = Math.Min(row + 3, last), r4 = Math.Min(row + 4, last), r5 = Math.Min(row + 5, last), r6 = Math.Min(row + 6, last), r7 = Math.Min(row + 7, last);
            nint i = task->InitStride;
            var s00 = Vector512.Load(task->Init0 + (r0 * i));
            var s01 = Vector512.Load(task->Init1 + (r0 * i));
            var s02 = Vector512.Load(task->Init2 + (r0 * i));
            var s10 = Vector512.Load(task->Init0 + (r1 * i));
            var s11 = Vector512.Load(task->Init1 + (r1 * i));
            var s12 = Vector512.Load(task->Init2 + (r1 * i));
            var s20 = Vector512.Load(task->Init0 + (r2 * i));
            var s21 = Vector512.Load(task->Init1 + (r2 * i));
            var s22 = Vector512.Load(task->Init2 + (r2 * i));
            var s30 = Vector512.Load(task->Init0 + (r3 * i));
            var s31 = Vector512.Load(task->Init1 + (r3 * i));
            var s32 = Vector512.Load(task->Init2 + (r3 * i));
            var s40 = Vector512.Load(task->Init0 + (r4 * i));
            var s41 = Vector512.Load(task->Init1 + (r4 * i));
            var s42 = Vector512.Load(task->Init2 + (r4 * i));
            var s50 = Vector512.Load(task->Init0 + (r5 * i));
            var s51 = Vector512.Load(task->Init1 + (r5 * i));
            var s52 = Vector512.Load(task->Init2 + (r5 * i));
            var s60 = Vector512.Load(task->Init0 + (r6 * i));
            var s61 = Vector512.Load(task->Init1 + (r6 * i));
            var s62 = Vector512.Load(task->Init2 + (r6 * i));
            var s70 = Vector512.Load(task->Init0 + (r7 * i));
            var s71 = Vector512.Load(task->Init1 + (r7 * i));
            var s72 = Vector512.Load(task->Init2 + (r7 * i));
            nint s = task->AStride;
            float* a1 = a0 + ((r1 - row) * s), a2 = a0 + ((r2 - row) * s), a3 = a0 + ((r3 - row) * s), a4 = a0 + ((r4 - row) * s), a5 = a0 + ((r5 - row) * s), a6 = a0 + ((r6 - row) * s), a7 = a0 + ((r7 - row) * s);
            float* b0 = task->B0, b1 = task->B1, b2 = task->B2;
            int* tap = task->Taps;
            int* end = tap + (2 * task->TapCount);
            while (tap < end)
            {
                nint a = tap[0], b = tap[1];
                tap += 2;
                var x0 = Vector512.Load(b0 + b);
                var x1 = Vector512.Load(b1 + b);
                var x2 = Vector512.Load(b2 + b);
                var w = Vector512.Create(a0[a]);
                s00 = Vector512.MultiplyAddEstimate(w, x0, s00);
                s01 = Vector512.MultiplyAddEstimate(w, x1, s01);
                s02 = Vector512.MultiplyAddEstimate(w, x2, s02);
                w = Vector512.Create(a1[a]);
                s10 = Vector512.MultiplyAddEstimate(w, x0, s10);
                s11 = Vector512.MultiplyAddEstimate(w, x1, s11);
                s12 = Vector512.MultiplyAddEstimate(w, x2, s12);
                w = Vector512.Create(a2[a]);
                s20 = Vector512.MultiplyAddEstimate(w, x0, s20);
                s21 = Vector512.MultiplyAddEstimate(w, x1, s21);
                s22 = Vector512.MultiplyAddEstimate(w, x2, s22);
                w = Vector512.Create(a3[a]);
                s30 = Vector512.MultiplyAddEstimate(w, x0, s30);
                s31 = Vector512.MultiplyAddEstimate(w, x1, s31);
                s32 = Vector512.MultiplyAddEstimate(w, x2, s32);
                w = Vector512.Create(a4[a]);
                s40 = Vector512.MultiplyAddEstimate(w, x0, s40);
                s41 = Vector512.MultiplyAddEstimate(w, x1, s41);
                s42 = Vector512.MultiplyAddEstimate(w, x2, s42);
                w = Vector512.Create(a5[a]);
                s50 = Vector512.MultiplyAddEstimate(w, x0, s50);
                s51 = Vector512.MultiplyAddEstimate(w, x1, s51);
                s52 = Vector512.MultiplyAddEstimate(w, x2, s52);
                w = Vector512.Create(a6[a]);
                s60 = Vector512.MultiplyAddEstimate(w, x0, s60);
                s61 = Vector512.MultiplyAddEstimate(w, x1, s61);
                s62 = Vector512.MultiplyAddEstimate(w, x2, s62);
                w = Vector512.Create(a7[a]);
                s70 = Vector512.MultiplyAddEstimate(w, x0, s70);
                s71 = Vector512.MultiplyAddEstimate(w, x1, s71);
                s72 = Vector512.MultiplyAddEstimate(w, x2, s72);
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
            s40.Store(task->C0 + (r4 * c));
            s41.Store(task->C1 + (r4 * c));
            s42.Store(task->C2 + (r4 * c));
            s50.Store(task->C0 + (r5 * c));
            s51.Store(task->C1 + (r5 * c));
            s52.Store(task->C2 + (r5 * c));
            s60.Store(task->C0 + (r6 * c));
            s61.Store(task->C1 + (r6 * c));
            s62.Store(task->C2 + (r6 * c));
            s70.Store(task->C0 + (r7 * c));
            s71.Store(task->C1 + (r7 * c));
            s72.Store(task->C2 + (r7 * c));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Narrow(CpuTileTask* task)
    {
        var s0 = Vector512.Load(task->Init0);
        var s1 = Vector512.Load(task->Init1);
        var s2 = Vector512.Load(task->Init2);
        var s3 = Vector512.Load(task->Init3);
        float* a = task->A;
        float* b0 = task->B0, b1 = task->B1, b2 = task->B2, b3 = task->B3;
        int* tap = task->Taps;
        int* end = tap + (2 * task->TapCount);
        while (tap < end)
        {
            var w = Vector512.Create(a[tap[0]]);
            nint b = tap[1];
            tap += 2;
            s0 = Vector512.MultiplyAddEstimate(w, Vector512.Load(b0 + b), s0);
            s1 = Vector512.MultiplyAddEstimate(w, Vector512.Load(b1 + b), s1);
            s2 = Vector512.MultiplyAddEstimate(w, Vector512.Load(b2 + b), s2);
            s3 = Vector512.MultiplyAddEstimate(w, Vector512.Load(b3 + b), s3);
        }

        s0.Store(task->C0);
        s1.Store(task->C1);
        s2.Store(task->C2);
        s3.Store(task->C3);
    }
}
