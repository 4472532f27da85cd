namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>A piece of a convolution as <see cref="CpuPairConvolution"/> computes it, and where its operands lie in the slab, in floats.</summary>
internal struct CpuPairPiece
{
    // What the results of a chunk of channels, and a panel of windows, may take of a second-level cache.
    private const int ResultsInCache = 1 << 16;
    private const int PanelInCache = 1 << 15;

    // Positions in a panel: what fills the registers of the kernel.
    private const int Positions = 64;

    /// <summary>Ranges and box of the source.</summary>
    public CpuConvolutionPiece Piece;

    /// <summary>The same with results that lie row by row, without gaps.</summary>
    public CpuConvolutionPiece Stored;

    /// <summary>Source channels, made even.</summary>
    public int Channels;

    /// <summary>Entries of the box of one channel, all phases.</summary>
    public int BoxLength;

    /// <summary>Columns of the result, and rows of it that a panel holds.</summary>
    public int Width;
    public int Rows;

    /// <summary>Pairs of source channels and kernel entries in a panel.</summary>
    public int Slice;

    /// <summary>Result channels per pass over the source.</summary>
    public int Chunk;

    /// <summary>True if results go straight to their place: there is one phase.</summary>
    public bool InPlace;

    /// <summary>Four lists of integers: the kernel entries' places in the box, phase by phase; where the weights of an entry begin, and their stride; entries per phase.</summary>
    public nint Lists;
    public nint Box;

    /// <summary>Two channels in fp32.</summary>
    public nint Stage;
    public nint Panel;
    public nint Results;
    public nint End;

    /// <summary>Entries from one position list of <see cref="Lists"/> to the next.</summary>
    public int ListLength;

    public static CpuPairPiece Of(in CpuConvolutionTask task, int index)
    {
        CpuConvolutionPiece piece = CpuConvolutionPiece.Of(task, index);
        int steps = task.W.ResultStep, width = piece.WEnd - piece.WBegin, height = piece.HEnd - piece.HBegin;
        var pair = new CpuPairPiece
        {
            Piece = piece,
            Stored = piece,
            Channels = task.SourceChannels + (task.SourceChannels % 2),
            BoxLength = (int)(task.SourcePhases * piece.BoxVolume),
            Width = width,
            Rows = Math.Clamp(Positions / Math.Max(width, 1), 1, Math.Max(height, 1)),
            InPlace = task.ResultPhases == 1,
            ListLength = task.KernelVolume,
        };
        pair.Stored.BoxW = width;
        pair.Stored.SliceLength = height * width;
        pair.Stored.PhaseLength = (piece.DEnd - piece.DBegin) * height * width;
        int most = pair.InPlace ? piece.Channels : ResultsInCache / (steps * Math.Max(pair.Stored.PhaseLength, 1));
        pair.Chunk = Math.Min(Math.Max(most & ~7, 16), piece.Channels);
        int padded = CpuPairPack.Padded(pair.Rows * width), pairs = task.KernelVolume * pair.Channels / 2;
        pair.Slice = Math.Clamp(PanelInCache / Math.Max(padded, 1), 1, pairs);
        pair.Lists = CpuScratch.RoundUp((nint)task.KernelVolume * piece.Channels * pair.Channels / 2, 16);
        pair.Box = pair.Lists + CpuScratch.RoundUp((3 * task.KernelVolume) + task.ResultPhases, 16);
        pair.Stage = pair.Box + CpuScratch.RoundUp((nint)pair.Channels / 2 * pair.BoxLength, 16);
        pair.Panel = pair.Stage + CpuScratch.RoundUp(2 * (nint)pair.BoxLength, 16) + 64;
        pair.Results = pair.Panel + ((nint)pair.Slice * padded) + 64;
        pair.End = pair.Results + (pair.InPlace ? 0 : (nint)pair.Chunk * steps * pair.Stored.PhaseLength);
        return pair;
    }
}
