namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Packs the operands of a convolution for <see cref="BFloat16Kernel"/>.</summary>
internal static unsafe class CpuPairConvolutionPack
{
    // Weights that are rounded at a time.
    private const int Batch = 512;

    /// <summary>The weights of one group as one matrix [result channels, source channels] per entry of the kernel.</summary>
    public static void Weights(in CpuConvolutionTask task, in CpuPairPiece pair, int group, float* slab)
    {
        ushort* target = (ushort*)slab;
        int results = pair.Piece.Channels, volume = task.KernelVolume;
        float* w = task.Weights + ((nint)group * task.ResultChannels * task.Taps) + (pair.Piece.ChannelBegin * (task.Transposed ? (nint)volume : task.Taps));
        if (pair.Channels != task.SourceChannels)
            new Span<ushort>(target, volume * results * pair.Channels).Clear();

        // In memory [result, source, kernel], or [source, result, kernel] for the transpose.
        int outer = task.Transposed ? task.SourceChannels : results, inner = task.Transposed ? results : task.SourceChannels;
        nint outerStep = task.Transposed ? 1 : pair.Channels, innerStep = task.Transposed ? pair.Channels : 1;
        nint next = (nint)volume * (task.Transposed ? task.ResultChannels : task.SourceChannels), tapLength = (nint)results * pair.Channels;
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
                    Spread(rounded, count, taps, target + (from * tapLength) + (o * outerStep) + (i * innerStep), innerStep, tapLength);
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

        new Span<ushort>(box, 2 * pair.Gap).Clear();
    }

    private static void Spread(ushort* rounded, int count, int taps, ushort* target, nint step, nint tapLength)
    {
        for (int t = 0; t < taps; t++, target += tapLength)
        {
            for (nint i = 0; i < count; i++)
                target[i * step] = rounded[(i * taps) + t];
        }
    }
}
