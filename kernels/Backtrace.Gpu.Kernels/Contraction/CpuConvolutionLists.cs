using System.Runtime.CompilerServices;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// What a convolution amounts to once its operands are packed: taps (pairs of offsets into weights and source) and vectors of pixels (pairs of
/// offsets into source and result).
/// </summary>
internal static unsafe class CpuConvolutionLists
{
    /// <summary>Counts of both, then the lists, for every phase of the result.</summary>
    public static void Write(in CpuConvolutionTask task, in CpuConvolutionPiece piece, float* slab)
    {
        int* list = (int*)(slab + piece.Lists);
        int* tap = (int*)(slab + piece.TapList);
        int* vector = (int*)(slab + piece.VectorList);
        for (int d = 0; d < task.D.ResultStep; d++)
        {
            for (int h = 0; h < task.H.ResultStep; h++)
            {
                for (int w = 0; w < task.W.ResultStep; w++)
                {
                    int* tapsEnd = Taps(task, piece, d, h, w, tap);
                    int* vectorsEnd = Vectors(task, piece, d, h, w, vector);
                    *list++ = (int)(tapsEnd - tap) / 2;
                    *list++ = (int)(vectorsEnd - vector) / 2;
                    tap = tapsEnd;
                    vector = vectorsEnd;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int* Taps(in CpuConvolutionTask task, in CpuConvolutionPiece piece, int d, int h, int w, int* tap)
    {
        int* first = tap;
        for (int rd = 0; rd < task.D.Kernel; rd++)
        {
            if (!task.D.Reaches(d, rd, out int pd, out int sd))
                continue;
            for (int rh = 0; rh < task.H.Kernel; rh++)
            {
                if (!task.H.Reaches(h, rh, out int ph, out int sh))
                    continue;
                for (int rw = 0; rw < task.W.Kernel; rw++)
                {
                    if (!task.W.Reaches(w, rw, out int pw, out int sw))
                        continue;
                    nint phase = (((pd * task.H.SourceStep) + ph) * task.W.SourceStep) + pw;
                    nint place = ((((sd - task.D.Lowest) * piece.BoxH) + sh - task.H.Lowest) * piece.BoxW) + sw - task.W.Lowest;
                    *tap++ = (((rd * task.H.Kernel) + rh) * task.W.Kernel) + rw;
                    *tap++ = (int)((phase * piece.BoxVolume) + place);
                }
            }
        }

        // The other channels repeat the first one further on.
        int pairs = (int)(tap - first);
        int channelA = (int)piece.WeightChannel, channelB = (int)(task.SourcePhases * piece.BoxVolume);
        for (int i = pairs; i < pairs * task.SourceChannels; i += 2)
        {
            first[i] = first[i - pairs] + channelA;
            first[i + 1] = first[i + 1 - pairs] + channelB;
        }

        return first + (pairs * task.SourceChannels);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int* Vectors(in CpuConvolutionTask task, in CpuConvolutionPiece piece, int d, int h, int w, int* vector)
    {
        int lanes = task.Tile.Lanes;
        int depth = Math.Min(piece.DEnd, task.D.Count(d)) - piece.DBegin;
        int height = Math.Min(piece.HEnd, task.H.Count(h)) - piece.HBegin;
        int width = Math.Min(piece.WEnd, task.W.Count(w)) - piece.WBegin;
        if (height <= 0 || width <= 0)
            return vector;
        for (int kd = 0; kd < depth; kd++)
        {
            if (!piece.InPlace)
            {
                int length = ((height - 1) * piece.BoxW) + width;
                for (int i = 0; i < length; i += lanes)
                {
                    *vector++ = (kd * piece.BoxH * piece.BoxW) + i;
                    *vector++ = (kd * piece.SliceLength) + i;
                }

                continue;
            }

            for (int kh = 0; kh < height; kh++)
            {
                int b = ((kd * piece.BoxH) + kh) * piece.BoxW;
                int cd = ((piece.DBegin + kd) * task.D.ResultStep) + d;
                int ch = ((piece.HBegin + kh) * task.H.ResultStep) + h;
                int c = (((cd * task.H.Result) + ch) * task.W.Result) + piece.WBegin;
                // The last vector of a row overlaps the one before rather than the end.
                for (int i = 0; i < width; i += lanes)
                {
                    int at = Math.Min(i, width - lanes);
                    *vector++ = b + at;
                    *vector++ = c + at;
                }
            }
        }

        return vector;
    }
}
