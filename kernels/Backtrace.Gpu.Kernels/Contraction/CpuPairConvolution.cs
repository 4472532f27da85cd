using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// Convolutions in bf16: weights times a matrix of windows, of which a few rows of positions are written down at a time, in cache.
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
                CpuPairConvolutionPack.Lists(task, piece, slab);
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
        int* counts = (int*)(slab + pair.Lists) + (3 * pair.ListLength);
        int steps = task.W.ResultStep;
        for (int first = 0; first < pair.Piece.Channels; first += pair.Chunk)
        {
            int channels = Math.Min(pair.Chunk, pair.Piece.Channels - first), start = 0, phase = 0;
            float* target = result + (first * task.ResultVolume);
            float* results = slab + pair.Results;
            for (int d = 0; d < task.D.ResultStep; d++)
            {
                for (int h = 0; h < task.H.ResultStep; h++)
                {
                    for (int w = 0; w < steps; w++, start += counts[phase++])
                    {
                        nint place = pair.InPlace ? (((((nint)pair.Piece.DBegin * task.H.Result) + pair.Piece.HBegin) * task.W.Result) + pair.Piece.WBegin) : w * pair.Stored.PhaseLength;
                        nint stride = pair.InPlace ? task.ResultVolume : (nint)steps * pair.Stored.PhaseLength;
                        var part = new Part { First = first, Channels = channels, Start = start, Taps = counts[phase], Bias = bias == null ? null : bias + first, Target = (pair.InPlace ? target : results) + place, Stride = stride };
                        Phase(task, pair, part, d, h, w, slab);
                    }

                    if (!pair.InPlace)
                        CpuConvolutionStore.Rows(task, pair.Stored, d, h, results, target, channels);
                }
            }
        }
    }

    // One phase of the result: some channels, all positions, a few rows of them at a time.
    private static void Phase(in CpuConvolutionTask task, in CpuPairPiece pair, in Part part, int d, int h, int w, float* slab)
    {
        CpuConvolutionPiece piece = pair.Piece;
        int depth = Math.Min(piece.DEnd, task.D.Count(d)) - piece.DBegin;
        int height = Math.Min(piece.HEnd, task.H.Count(h)) - piece.HBegin;
        if (Math.Min(piece.WEnd, task.W.Count(w)) <= piece.WBegin)
            return;
        nint slice = pair.InPlace ? (nint)task.H.Result * task.W.Result : pair.Stored.SliceLength;
        for (int kd = 0; kd < depth; kd++)
        {
            for (int kh = 0; kh < height; kh += pair.Rows)
            {
                // Rows of a piece that is cut by columns are single.
                float* c = part.Target + (kd * slice) + ((nint)kh * pair.Width);
                Rows(task, pair, part, ((kd * piece.BoxH) + kh) * piece.BoxW, Math.Min(pair.Rows, height - kh), slab, c);
            }
        }
    }

    private static void Rows(in CpuConvolutionTask task, in CpuPairPiece pair, in Part part, int at, int rows, float* slab, float* c)
    {
        int count = rows * pair.Width, padded = CpuPairPack.Padded(count), pairs = part.Taps * pair.Channels / 2;
        for (int row = 0; row < part.Channels && (part.Bias != null || pairs == 0); row++)
            new Span<float>(c + (row * part.Stride), count).Fill(part.Bias == null ? 0 : task.ReadBias.Of(part.Bias[row]));
        nint stride = (nint)part.Taps * pair.Channels;
        ushort* a = (ushort*)slab + ((nint)part.Start * pair.Piece.Channels * pair.Channels) + (part.First * stride);
        int* places = (int*)(slab + pair.Lists) + part.Start;
        uint* panel = (uint*)(slab + pair.Panel);
        for (int q = 0; q < pairs; q += pair.Slice)
        {
            int take = Math.Min(pair.Slice, pairs - q);
            CpuPairConvolutionPack.Windows(pair, (uint*)(slab + pair.Box) + at, places, q, take, rows, padded, panel);
            task.Kernel.Multiply(part.Channels, count, 2 * take, a + (2 * q), stride, (ushort*)panel, padded, c, part.Stride, q > 0 || part.Bias != null);
        }
    }

    // A phase of some channels: its entries of the kernel, and where its results go.
    private struct Part
    {
        public int First;
        public int Channels;
        public int Start;
        public int Taps;
        public float* Bias;
        public float* Target;
        public nint Stride;
    }
}
