using System.Runtime.Intrinsics;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Packs the operands of a convolution for <see cref="BFloat16Kernel"/>.</summary>
internal static unsafe class CpuPairConvolutionPack
{
    // Weights that are rounded at a time.
    private const int Batch = 512;

    /// <summary>See <see cref="CpuPairPiece.Lists"/>.</summary>
    public static void Lists(in CpuConvolutionTask task, in CpuPairPiece pair, float* slab)
    {
        CpuConvolutionPiece piece = pair.Piece;
        int* places = (int*)(slab + pair.Lists);
        int* bases = places + pair.ListLength, strides = bases + pair.ListLength, counts = strides + pair.ListLength;
        int start = 0;
        for (int d = 0; d < task.D.ResultStep; d++)
        {
            for (int h = 0; h < task.H.ResultStep; h++)
            {
                for (int w = 0; w < task.W.ResultStep; w++)
                {
                    int end = start, tap = 0, taps = Reaching(task.D, d) * Reaching(task.H, h) * Reaching(task.W, w);
                    for (int rd = 0; rd < task.D.Kernel; rd++)
                    {
                        bool inside = task.D.Reaches(d, rd, out int pd, out int sd);
                        for (int rh = 0; rh < task.H.Kernel; rh++)
                        {
                            bool reached = task.H.Reaches(h, rh, out int ph, out int sh) && inside;
                            for (int rw = 0; rw < task.W.Kernel; rw++, tap++)
                            {
                                if (!task.W.Reaches(w, rw, out int pw, out int sw) || !reached)
                                    continue;
                                nint phase = (((pd * task.H.SourceStep) + ph) * task.W.SourceStep) + pw;
                                places[end] = (int)((phase * piece.BoxVolume) + ((((sd - task.D.Lowest) * piece.BoxH) + sh - task.H.Lowest) * piece.BoxW) + sw - task.W.Lowest);
                                bases[tap] = ((start * piece.Channels) + end - start) * pair.Channels;
                                strides[tap] = taps * pair.Channels;
                                end++;
                            }
                        }
                    }

                    *counts++ = taps;
                    start = end;
                }
            }
        }
    }

    /// <summary>The windows of some rows of positions: pairs of channels of one kernel entry after the other, <paramref name="padded"/> positions apart.</summary>
    public static void Windows(in CpuPairPiece pair, uint* box, int* places, int first, int count, int rows, int padded, uint* panel)
    {
        int half = pair.Channels / 2, width = pair.Width;
        for (int q = first; q < first + count; q++, panel += padded)
        {
            int tap = q / half;
            uint* source = box + ((nint)(q - (tap * half)) * pair.BoxLength) + places[tap];
            uint* target = panel;
            // Vectors may end in the next row, which is written later.
            for (int row = 0; row < rows; row++, source += pair.Piece.BoxW, target += width)
            {
                if (width <= 8)
                {
                    Vector256.Load(source).Store(target);
                    continue;
                }

                for (nint i = 0; i < width; i += 16)
                    Vector512.Load(source + i).Store(target + i);
            }
        }
    }

    /// <summary>The weights of one group as one matrix [result channels, kernel entries, source channels] per phase.</summary>
    public static void Weights(in CpuConvolutionTask task, in CpuPairPiece pair, int group, float* slab)
    {
        ushort* target = (ushort*)slab;
        int results = pair.Piece.Channels, volume = task.KernelVolume;
        float* w = task.Weights + ((nint)group * task.ResultChannels * task.Taps) + (pair.Piece.ChannelBegin * (task.Transposed ? (nint)volume : task.Taps));
        if (pair.Channels != task.SourceChannels)
            new Span<ushort>(target, volume * results * pair.Channels).Clear();

        // In memory [result, source, kernel], or [source, result, kernel] for the transpose.
        int outer = task.Transposed ? task.SourceChannels : results, inner = task.Transposed ? results : task.SourceChannels;
        nint next = (nint)volume * (task.Transposed ? task.ResultChannels : task.SourceChannels);
        int* bases = (int*)(slab + pair.Lists) + pair.ListLength, strides = bases + pair.ListLength;
        ushort* rounded = stackalloc ushort[Batch];
        int atOnce = Math.Max(Batch / volume, 1);
        for (int o = 0; o < outer; o++, w += next)
        {
            for (int i = 0; i < inner; i += atOnce)
            {
                int count = Math.Min(atOnce, inner - i);
                for (int from = 0; from < volume; from += Batch)
                {
                    int taps = Math.Min(Batch, volume - from);
                    CpuBFloat16.Copy(task.ReadWeights, w + ((nint)i * volume) + from, rounded, count * taps);
                    for (int t = 0; t < taps; t++)
                    {
                        nint stride = strides[from + t], step = task.Transposed ? stride : 1;
                        ushort* place = target + bases[from + t] + (o * (task.Transposed ? 1 : stride)) + (i * step);
                        for (nint k = 0; k < count; k++)
                            place[k * step] = rounded[(k * taps) + t];
                    }
                }
            }
        }
    }

    /// <summary>The box of one sample of one group: as <see cref="CpuConvolutionPack.Source(in CpuConvolutionTask, in CpuConvolutionPiece, float*, float*)"/>, in pairs of channels.</summary>
    public static void Source(in CpuConvolutionTask task, in CpuPairPiece pair, float* source, float* slab)
    {
        float* stage = slab + pair.Stage;
        ushort* box = (ushort*)(slab + pair.Box);
        CpuReading plain = new(Part.Signed, ContractionPrecision.Single);
        for (int c = 0; c < task.SourceChannels; c += 2, source += 2 * task.SourceVolume, box += 2 * pair.BoxLength)
        {
            int channels = Math.Min(2, task.SourceChannels - c);
            CpuConvolutionPack.Source(task, pair.Piece, source, stage, channels);
            CpuBFloat16.Pair(plain, stage, channels == 2 ? stage + pair.BoxLength : null, box, pair.BoxLength);
        }
    }

    private static int Reaching(CpuAxis axis, int phase)
    {
        int count = 0;
        for (int tap = 0; tap < axis.Kernel; tap++)
            count += axis.Reaches(phase, tap, out _, out _) ? 1 : 0;
        return count;
    }
}
