using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// Convolutions in bf16: each entry of the kernel is a product of its weights [result channels, source channels] with the box of the source, shifted.
/// The positions of the result are those of the box, with its gaps; results are copied from there.
/// </summary>
internal static unsafe class CpuPairConvolution
{
    /// <summary>Least source channels, and least positions of all samples, that pay for packing.</summary>
    public const int FewestChannels = 16;
    public const int FewestPositions = 256;

    /// <summary>Computes the units of part <paramref name="part"/> and runs the epilogue over each as soon as it is complete.</summary>
    public static void Run<TEpilogue>(in CpuConvolutionTask task, in TEpilogue epilogue, int part, int parts)
        where TEpilogue : struct, IElementwise
    {
        float* slab = task.Slabs + (part * task.Slab);
        int items = task.Batch * task.Groups;
        int begin = (int)((long)task.Units * part / parts), end = (int)((long)task.Units * (part + 1) / parts);
        int index = -1, group = -1;
        CpuPairPiece piece = default;
        for (int unit = begin; unit < end; unit++)
        {
            int item = unit % items, g = item / task.Batch, n = item % task.Batch;
            if (unit / items != index)
            {
                index = unit / items;
                piece = CpuPairPiece.Of(task, index);
                group = -1;
            }

            if (g != group)
            {
                group = g;
                CpuPairConvolutionPack.Weights(task, piece, g, slab);
            }

            nint sample = ((nint)n * task.Groups) + g;
            CpuPairConvolutionPack.Source(task, piece, task.Source + (sample * task.SourceChannels * task.SourceVolume), slab);
            nint place = ((sample * task.ResultChannels) + piece.Piece.ChannelBegin) * task.ResultVolume;
            Compute(task, piece, g, slab, task.Result + place);
            if (typeof(TEpilogue) != typeof(NoEpilogue))
                CpuConvolution.Finish(task, piece.Piece, place, epilogue);
        }
    }

    private static void Compute(in CpuConvolutionTask task, in CpuPairPiece pair, int group, float* slab, float* result)
    {
        float* bias = task.Bias == null ? null : task.Bias + ((nint)group * task.ResultChannels) + pair.Piece.ChannelBegin;
        for (int first = 0; first < pair.Piece.Channels; first += pair.Chunk)
        {
            int channels = Math.Min(pair.Chunk, pair.Piece.Channels - first);
            float* target = result + (first * task.ResultVolume);
            float* offset = bias == null ? null : bias + first;
            if (pair.InPlace)
            {
                int start = pair.Piece.HBegin * task.W.Result;
                Phase(task, pair, first, channels, 0, 0, 0, offset, slab, target + start, task.ResultVolume);
                continue;
            }

            int steps = task.W.ResultStep;
            float* results = slab + pair.Results;
            for (int d = 0; d < task.D.ResultStep; d++)
            {
                for (int h = 0; h < task.H.ResultStep; h++)
                {
                    for (int w = 0; w < steps; w++)
                        Phase(task, pair, first, channels, d, h, w, offset, slab, results + (w * pair.Piece.PhaseLength), (nint)steps * pair.Piece.PhaseLength);
                    CpuConvolutionStore.Rows(task, pair.Piece, d, h, results, target, channels);
                }
            }
        }
    }

    // One phase of the result: some channels, all positions, a stretch of them at a time.
    private static void Phase(in CpuConvolutionTask task, in CpuPairPiece pair, int first, int channels, int d, int h, int w, float* bias, float* slab, float* target, nint stride)
    {
        CpuConvolutionPiece piece = pair.Piece;
        int depth = Math.Min(piece.DEnd, task.D.Count(d)) - piece.DBegin;
        int height = Math.Min(piece.HEnd, task.H.Count(h)) - piece.HBegin;
        int width = Math.Min(piece.WEnd, task.W.Count(w)) - piece.WBegin;
        if (height <= 0 || width <= 0)
            return;
        int length = ((height - 1) * piece.BoxW) + width;
        for (int kd = 0; kd < depth; kd++)
        {
            for (int at = 0; at < length; at += pair.Stretch)
            {
                float* c = target + ((nint)kd * piece.SliceLength) + at;
                Stretch(task, pair, first, channels, d, h, w, bias, slab, (kd * piece.BoxH * piece.BoxW) + at, Math.Min(pair.Stretch, length - at), c, stride);
            }
        }
    }

    private static void Stretch(in CpuConvolutionTask task, in CpuPairPiece pair, int first, int channels, int d, int h, int w, float* bias, float* slab, int at, int count, float* c, nint stride)
    {
        CpuConvolutionPiece piece = pair.Piece;
        ushort* weights = (ushort*)slab + ((nint)first * pair.Channels);
        ushort* box = (ushort*)(slab + pair.Box) + (2 * (nint)at);
        nint tapLength = (nint)piece.Channels * pair.Channels;
        bool adds = false;
        if (bias != null)
        {
            for (int row = 0; row < channels; row++)
                new Span<float>(c + (row * stride), count).Fill(task.ReadBias.Of(bias[row]));
            adds = true;
        }

        int tap = 0;
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
                    nint place = (phase * piece.BoxVolume) + ((((sd - task.D.Lowest) * piece.BoxH) + sh - task.H.Lowest) * piece.BoxW) + sw - task.W.Lowest;
                    task.Kernel.Multiply(channels, count, pair.Channels, weights + (tap * tapLength), pair.Channels, box + (2 * place), pair.BoxLength, c, stride, adds);
                    adds = true;
                }
            }
        }

        // A phase that no entry of the kernel reaches.
        for (int row = 0; row < channels && !adds; row++)
            new Span<float>(c + (row * stride), count).Clear();
    }
}
