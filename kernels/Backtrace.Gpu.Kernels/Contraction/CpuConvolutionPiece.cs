namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// One piece of a sample: the rows and channels of the result that a thread computes, the box of the source that they read, and
/// where its packed operands lie in the thread's slab.
/// </summary>
internal unsafe struct CpuConvolutionPiece
{
    // What one block of result channels may take of the first-level cache, in floats.
    private const int WeightsInCache = 4096;
    private const int ResultsInCache = 8192;

    public int ChannelBegin;
    public int ChannelEnd;
    public int DBegin;
    public int DEnd;
    public int HBegin;
    public int HEnd;
    public int WBegin;
    public int WEnd;

    // Sizes of one packed phase of the source.
    public int BoxD;
    public int BoxH;
    public int BoxW;

    /// <summary>True if vectors of results go straight to their place; else they are computed over the packed pitch, gaps included, and copied.</summary>
    public bool InPlace;

    /// <summary>Floats of one depth slice of results that are not in place, and of all slices.</summary>
    public int SliceLength;
    public int PhaseLength;

    /// <summary>Result channels per pass over the source.</summary>
    public int Chunk;

    // Distances between the weights of two rows, of two source channels, of two blocks of rows.
    public nint WeightRow;
    public nint WeightChannel;
    public nint WeightBlock;

    // Places in the slab, in floats (ints are as large). The weights are at its start.
    public nint Bias;
    public nint Lists;
    public nint TapList;
    public nint VectorList;
    public nint Box;
    public nint Results;
    public nint End;

    public readonly int Channels => ChannelEnd - ChannelBegin;

    public readonly nint BoxVolume => (nint)BoxD * BoxH * BoxW;

    public static CpuConvolutionPiece Of(in CpuConvolutionTask task, int index)
    {
        int d = task.D.Count(0), h = task.H.Count(0), w = task.W.Count(0);
        var piece = new CpuConvolutionPiece { ChannelEnd = task.ResultChannels, DEnd = d, HEnd = h, WEnd = w };
        if (task.CutChannels)
            (piece.ChannelBegin, piece.ChannelEnd) = Cut(task.ResultChannels, index, task.Pieces, task.Tile.Rows);
        else if (task.CutsDepth)
            (piece.DBegin, piece.DEnd) = Cut(d, index, task.Pieces, 1);
        else if (task.CutsHeight)
            (piece.HBegin, piece.HEnd) = Cut(h, index, task.Pieces, 1);
        else
            (piece.WBegin, piece.WEnd) = Cut(w, index, task.Pieces, task.Tile.Lanes);

        d = piece.DEnd - piece.DBegin;
        h = piece.HEnd - piece.HBegin;
        w = piece.WEnd - piece.WBegin;
        piece.BoxD = d + task.D.Highest - task.D.Lowest;
        piece.BoxH = h + task.H.Highest - task.H.Lowest;
        piece.BoxW = w + task.W.Highest - task.W.Lowest;
        piece.Shape(task, d, h, w);
        piece.Place(task, d, h, w);
        return piece;
    }

    // Whole units, the last one cut short.
    private static (int Begin, int End) Cut(int total, int index, int pieces, int unit)
    {
        int units = (total + unit - 1) / unit;
        return (Math.Min(Bound(units, index, pieces) * unit, total), Math.Min(Bound(units, index + 1, pieces) * unit, total));
    }

    private static int Bound(int total, int index, int pieces) => (int)((long)total * index / pieces);

    private void Shape(in CpuConvolutionTask task, int d, int h, int w)
    {
        int lanes = task.Tile.Lanes, rows = task.Tile.Rows;
        int inRows = h * ((w + lanes - 1) / lanes);
        int flat = (((h - 1) * BoxW) + w + lanes - 1) / lanes;
        // Copying out is worth it if it saves one vector in eight.
        InPlace = task.W.ResultStep == 1 && w >= lanes && inRows * 7 <= flat * 8;
        SliceLength = flat * lanes;
        PhaseLength = d * SliceLength;
        Chunk = WeightsInCache / task.Taps;
        if (!InPlace)
            Chunk = Math.Min(Chunk, ResultsInCache / (PhaseLength * task.W.ResultStep));
        Chunk = Math.Min(Math.Max(Chunk / rows * rows, rows), Channels);
        bool copied = !task.ReadWeights.IsPlain;
        WeightRow = task.Transposed ? task.KernelVolume : task.Taps;
        WeightChannel = !task.Transposed ? task.KernelVolume : (nint)task.KernelVolume * (copied ? rows : task.ResultChannels);
        WeightBlock = task.Transposed && !copied ? rows * (nint)task.KernelVolume : rows * (nint)task.Taps;
    }

    private void Place(in CpuConvolutionTask task, int d, int h, int w)
    {
        int lanes = task.Tile.Lanes;
        int perRow = (w + lanes - 1) / lanes;
        int vectors = d * (InPlace ? h * perRow : SliceLength / lanes);
        // The weights come first: pieces with the same channels find them at the same place.
        nint weights = task.ReadWeights.IsPlain ? 0 : CpuScratch.RoundUp(CpuScratch.RoundUp(Channels, task.Tile.Rows) * task.Taps, 16);
        Bias = weights;
        Lists = Bias + ((nint)Channels * lanes);
        TapList = Lists + CpuScratch.RoundUp(2 * task.ResultPhases, 16);
        VectorList = TapList + CpuScratch.RoundUp(2 * task.Taps, 16);
        Box = VectorList + CpuScratch.RoundUp(2 * (nint)vectors * task.ResultPhases, 16);
        Results = Box + CpuScratch.RoundUp((task.SourceChannels * task.SourcePhases * BoxVolume) + (4 * lanes), 16);
        End = Results + (InPlace ? 0 : (nint)Chunk * task.W.ResultStep * PhaseLength);
    }
}
