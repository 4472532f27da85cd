using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Copies results that were computed over the packed pitch to their places, interleaving the phases of a row.</summary>
internal static unsafe class CpuConvolutionStore
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows(in CpuConvolutionTask task, in CpuConvolutionPiece piece, int d, int h, float* results, float* target, int channels)
    {
        int steps = task.W.ResultStep;
        int depth = Math.Min(piece.DEnd, task.D.Count(d)) - piece.DBegin;
        int height = Math.Min(piece.HEnd, task.H.Count(h)) - piece.HBegin;
        for (int c = 0; c < channels; c++, target += task.ResultVolume, results += steps * piece.PhaseLength)
        {
            for (int kd = 0; kd < depth; kd++)
            {
                int rd = ((piece.DBegin + kd) * task.D.ResultStep) + d;
                for (int kh = 0; kh < height; kh++)
                {
                    int rh = ((piece.HBegin + kh) * task.H.ResultStep) + h;
                    float* row = results + (kd * piece.SliceLength) + (kh * piece.BoxW);
                    float* place = target + ((((nint)rd * task.H.Result) + rh) * task.W.Result) + piece.WBegin;
                    Row(row, piece.PhaseLength, steps, place, steps == 1 ? piece.WEnd - piece.WBegin : task.W.Result);
                }
            }
        }
    }

    private static void Row(float* source, int phaseLength, int steps, float* target, int width)
    {
        int i = 0;
        if (steps == 1)
        {
            for (; i <= width - 8; i += 8)
                Vector256.Load(source + i).Store(target + i);
            for (; i < width; i++)
                target[i] = source[i];
            return;
        }

        if (steps == 2)
        {
            for (; i <= width - 16; i += 16)
            {
                var (even, odd) = (Vector256.Load(source + (i / 2)), Vector256.Load(source + phaseLength + (i / 2)));
                var (low, high) = (CpuShuffle.Low(even, odd), CpuShuffle.High(even, odd));
                Vector256.Create(low.GetLower(), high.GetLower()).Store(target + i);
                Vector256.Create(low.GetUpper(), high.GetUpper()).Store(target + i + 8);
            }
        }

        for (; i < width; i++)
            target[i] = source[(i % steps * phaseLength) + (i / steps)];
    }
}
