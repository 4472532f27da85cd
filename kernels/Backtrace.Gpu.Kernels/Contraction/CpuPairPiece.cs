namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>A piece of a convolution as <see cref="CpuPairConvolution"/> computes it, and where its operands lie in the slab, in floats.</summary>
internal struct CpuPairPiece
{
    // What the results of a chunk of channels may take of a second-level cache, and those of one product of a first-level cache.
    private const int ResultsInCache = 1 << 16;
    private const int ProductInCache = 1 << 13;

    /// <summary>Ranges and box.</summary>
    public CpuConvolutionPiece Piece;

    /// <summary>Zeros to the left of a row that also serve as those to the right of the row before. As many must follow the box.</summary>
    public int Gap;

    /// <summary>Source channels, made even.</summary>
    public int Channels;

    /// <summary>Entries of the box of one channel, all phases.</summary>
    public int BoxLength;

    /// <summary>Result channels per pass over the source.</summary>
    public int Chunk;

    /// <summary>Positions per product.</summary>
    public int Stretch;

    /// <summary>True if positions of the box are positions of the result, so that no results need to be copied.</summary>
    public bool InPlace;
    public nint Bias;
    public nint Box;

    /// <summary>Two channels in fp32.</summary>
    public nint Stage;
    public nint Results;
    public nint End;

    public static CpuPairPiece Of(in CpuConvolutionTask task, int index)
    {
        CpuConvolutionPiece piece = CpuConvolutionPiece.Of(task, index);
        int steps = task.W.ResultStep, gap = SharedZeros(task, piece);
        piece.BoxW -= gap;
        piece.SliceLength = (((piece.HEnd - piece.HBegin - 1) * piece.BoxW) + piece.WEnd - piece.WBegin + 15) & ~15;
        piece.PhaseLength = piece.SliceLength * (piece.DEnd - piece.DBegin);
        var pair = new CpuPairPiece
        {
            Piece = piece,
            Gap = gap,
            Channels = task.SourceChannels + (task.SourceChannels % 2),
            BoxLength = (int)(task.SourcePhases * piece.BoxVolume),
            InPlace = task.ResultPhases == 1 && piece.BoxW == task.W.Result && piece.BoxH == piece.HEnd - piece.HBegin && piece.BoxD == 1,
        };
        int most = pair.InPlace ? piece.Channels : ResultsInCache / (steps * Math.Max(piece.PhaseLength, 1));
        pair.Chunk = Math.Min(Math.Max(most & ~7, 16), piece.Channels);
        pair.Stretch = Math.Max(ProductInCache / pair.Chunk & ~63, 64);
        pair.Bias = CpuScratch.RoundUp((nint)task.KernelVolume * piece.Channels * pair.Channels / 2, 16);
        pair.Box = pair.Bias + CpuScratch.RoundUp(piece.Channels, 16);
        pair.Stage = pair.Box + CpuScratch.RoundUp(((nint)pair.Channels / 2 * pair.BoxLength) + gap, 16);
        pair.Results = pair.Stage + CpuScratch.RoundUp(2 * (nint)pair.BoxLength, 16) + 64;
        pair.End = pair.Results + (pair.InPlace ? 0 : (nint)pair.Chunk * steps * piece.PhaseLength);
        return pair;
    }

    private static int SharedZeros(in CpuConvolutionTask task, in CpuConvolutionPiece piece)
    {
        // With strides, a phase that nobody reads is not filled, and may follow one that is.
        if (task.SourcePhases > 1)
            return 0;
        var (left, right) = task.W.Inside(piece.WBegin + task.W.Lowest, piece.BoxW, 0);
        return Math.Min(left, piece.BoxW - right);
    }
}
