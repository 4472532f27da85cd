using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Brings the operands of a piece into the order that the micro-kernels read.</summary>
internal static unsafe class CpuConvolutionPack
{
    /// <summary>The weights of one group.</summary>
    public static float* Weights(in CpuConvolutionTask task, in CpuConvolutionPiece piece, int group, float* target)
    {
        float* w = task.Weights + ((nint)group * task.ResultChannels * task.Taps) + (piece.ChannelBegin * (task.Transposed ? (nint)task.KernelVolume : task.Taps));
        if (task.ReadWeights.IsPlain)
            return w;
        if (!task.Transposed)
        {
            task.ReadWeights.Copy(w, target, (nint)piece.Channels * task.Taps);
            return target;
        }

        // The rows of a block side by side, channel after channel, so that a block is one stretch of memory.
        var read = task.ReadWeights;
        float* first = target;
        nint next = (nint)task.ResultChannels * task.KernelVolume, block = (nint)task.Tile.Rows * task.KernelVolume;
        for (int i = 0; i < task.SourceChannels; i++, w += next, target += block)
        {
            float* to = target;
            for (int c = 0; c < piece.Channels; c += task.Tile.Rows, to += piece.WeightBlock)
                read.Copy(w + (c * task.KernelVolume), to, Math.Min(task.Tile.Rows, piece.Channels - c) * task.KernelVolume);
        }

        return first;
    }

    /// <summary>The bias of one group, a vector per channel, or one vector of zeros.</summary>
    public static void Bias(in CpuConvolutionTask task, in CpuConvolutionPiece piece, int group, float* target)
    {
        int lanes = task.Tile.Lanes;
        if (task.Bias == null)
        {
            new Span<float>(target, lanes).Clear();
            return;
        }

        float* bias = task.Bias + ((nint)group * task.ResultChannels) + piece.ChannelBegin;
        for (int c = 0; c < piece.Channels; c++)
            new Span<float>(target + (c * lanes), lanes).Fill(task.ReadBias.Of(bias[c]));
    }

    /// <summary>The box of one sample of one group: zero-padded, channel by channel, phase by phase.</summary>
    public static void Source(in CpuConvolutionTask task, in CpuConvolutionPiece piece, float* source, float* target) =>
        Source(task, piece, source, target, task.SourceChannels);

    /// <summary>The same of the first <paramref name="channels"/> channels.</summary>
    public static void Source(in CpuConvolutionTask task, in CpuConvolutionPiece piece, float* source, float* target, int channels)
    {
        // Both phases of a stride of two come from one reading.
        bool pair = task.W.SourceStep == 2 && task.W.ReadsPhase(0) && task.W.ReadsPhase(1);
        for (int c = 0; c < channels; c++, source += task.SourceVolume)
        {
            for (int pd = 0; pd < task.D.SourceStep; pd++)
            {
                for (int ph = 0; ph < task.H.SourceStep; ph++)
                {
                    for (int pw = 0; pw < task.W.SourceStep; pw++, target += piece.BoxVolume)
                    {
                        if (!pair || pw == 0)
                            Phase(task, piece, source, pd, ph, pw, pair, target);
                    }
                }
            }
        }
    }

    private static void Phase(in CpuConvolutionTask task, in CpuConvolutionPiece piece, float* source, int pd, int ph, int pw, bool pair, float* target)
    {
        if (!task.D.ReadsPhase(pd) || !task.H.ReadsPhase(ph) || !task.W.ReadsPhase(pw))
            return;
        var read = task.ReadSource;
        int step = task.W.SourceStep, width = piece.BoxW;
        var (near, far) = task.D.Inside(piece.DBegin + task.D.Lowest, piece.BoxD, pd);
        var (top, bottom) = task.H.Inside(piece.HBegin + task.H.Lowest, piece.BoxH, ph);
        var (left, right) = task.W.Inside(piece.WBegin + task.W.Lowest, width, pw);
        nint slice = (nint)piece.BoxH * width, next = (nint)task.H.SourceStep * task.W.Source;
        int firstH = ((piece.HBegin + task.H.Lowest + top) * task.H.SourceStep) + ph;
        int firstW = (piece.WBegin + task.W.Lowest + left) * step;
        nint count = right - left, gap = width - count;
        Clear(target, near * slice);
        nint other = pair ? piece.BoxVolume : 0;
        if (pair)
            Clear(target + other, near * slice);
        int otherRight = pair ? task.W.Inside(piece.WBegin + task.W.Lowest, width, 1).End : 0;
        for (int d = near; d < far; d++)
        {
            int sd = ((piece.DBegin + task.D.Lowest + d) * task.D.SourceStep) + pd;
            float* row = source + ((((nint)sd * task.H.Source) + firstH) * task.W.Source) + firstW;
            float* place = target + (d * slice) + (top * width);
            Clear(target + (d * slice), (top * width) + left);
            for (int h = top; h < bottom; h++, row += next, place += width)
            {
                if (step == 1)
                {
                    read.Copy(row, place + left, count);
                }
                else if (pair)
                {
                    read.Split(row, place + left, count, place + other + left, otherRight - left);
                    Clear(place + right, width - right);
                    Clear(place + other, left);
                    Clear(place + other + otherRight, width - otherRight);
                    Clear(place, left);
                    continue;
                }
                else
                {
                    read.CopyStrided(row, task.W.Source - firstW, pw, step, place + left, count);
                }

                ClearGap(place + right, gap);
            }

            Clear(place, (piece.BoxH - bottom) * width);
            if (pair)
            {
                Clear(target + other + (d * slice), top * width);
                Clear(place + other, (piece.BoxH - bottom) * width);
            }
        }

        Clear(target + (far * slice), (piece.BoxD - far) * slice);
        if (pair)
            Clear(target + other + (far * slice), (piece.BoxD - far) * slice);
    }

    // To the right of a row and to the left of the next; what is cleared too much is written later.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ClearGap(float* target, nint count)
    {
        if (count <= 8)
            Vector256<float>.Zero.Store(target);
        else
            Clear(target, count);
    }

    private static void Clear(float* target, nint count)
    {
        for (nint i = 0; i < count; i++)
            target[i] = 0;
    }
}
