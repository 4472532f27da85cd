using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>A convolution or its transpose in the one form that the taps serve: result channels are rows, source channels and kernel entries are taps.</summary>
internal unsafe struct CpuConvolutionTask : ICpuTask
{
    // Below this many multiplications a second thread costs more than it saves.
    private const long ParallelThreshold = 200_000;

    // Floats of the source that stay in a second-level cache while all weights pass by.
    private const int SourceInCache = 1 << 16;

    public CpuTile Tile;
    public CpuAxis D;
    public CpuAxis H;
    public CpuAxis W;
    public int Batch;
    public int Groups;

    /// <summary>Per group.</summary>
    public int SourceChannels;

    /// <summary>Per group.</summary>
    public int ResultChannels;
    public bool Transposed;

    public float* Source;
    public float* Weights;
    public float* Bias;
    public float* Result;
    public CpuReading ReadSource;
    public CpuReading ReadWeights;
    public CpuReading ReadBias;

    /// <summary>Multiplies where operands are bf16.</summary>
    public BFloat16Kernel Kernel;

    /// <summary>Pieces that one sample of one group is cut into.</summary>
    public int Pieces;
    public bool CutChannels;
    public float* Slabs;
    public nint Slab;

    public readonly int KernelVolume => D.Kernel * H.Kernel * W.Kernel;

    public readonly nint SourceVolume => (nint)D.Source * H.Source * W.Source;

    public readonly nint ResultVolume => (nint)D.Result * H.Result * W.Result;

    public readonly int Taps => SourceChannels * KernelVolume;

    public readonly int ResultPhases => D.ResultStep * H.ResultStep * W.ResultStep;

    public readonly int SourcePhases => D.SourceStep * H.SourceStep * W.SourceStep;

    public readonly int Units => Batch * Groups * Pieces;

    /// <summary>A sample is cut along the outermost axis that it extends in.</summary>
    public readonly bool CutsDepth => D.Result > 1;

    /// <summary>See <see cref="CutsDepth"/>.</summary>
    public readonly bool CutsHeight => !CutsDepth && H.Result > 1;

    /// <summary>The sizes of <paramref name="shape"/>, in the direction wanted.</summary>
    public static CpuConvolutionTask Of(in ConvolutionShape shape, bool transposed, CpuTile tile)
    {
        Size3 input = shape.Input, output = shape.Output;
        bool pointwise = shape.Kernel.Volume == 1 && shape.Stride.Volume == 1 && shape.Padding == default && input == output;
        // Without neighbours a picture is one long row.
        if (pointwise && input.W % tile.Lanes != 0)
            input = output = new Size3(1, 1, input.Volume);
        return new CpuConvolutionTask
        {
            Tile = tile,
            D = Axis(input.D, output.D, shape.Kernel.D, shape.Stride.D, shape.Padding.D, shape.Dilation.D, transposed),
            H = Axis(input.H, output.H, shape.Kernel.H, shape.Stride.H, shape.Padding.H, shape.Dilation.H, transposed),
            W = Axis(input.W, output.W, shape.Kernel.W, shape.Stride.W, shape.Padding.W, shape.Dilation.W, transposed),
            Batch = shape.Batch,
            Groups = shape.Groups,
            SourceChannels = (transposed ? shape.OutChannels : shape.InChannels) / shape.Groups,
            ResultChannels = (transposed ? shape.InChannels : shape.OutChannels) / shape.Groups,
            Transposed = transposed,
            Pieces = 1,
        };
    }

    /// <summary>Decides how the work is cut for <paramref name="threads"/> threads and returns the number of parts.</summary>
    public int Cut(int threads)
    {
        int items = Batch * Groups;
        long products = (long)items * ResultChannels * Taps * (Transposed ? SourceVolume : ResultVolume);
        if (products < ParallelThreshold)
            threads = 1;
        int wanted = items < 4 * threads ? threads / Divisor(items, threads) : 1;
        int blocks = (ResultChannels + Tile.Rows - 1) / Tile.Rows;
        long source = SourceChannels * (long)SourceVolume;
        // Every piece reads all of one operand: let it be the smaller one, counting that copying pictures into frames takes longer. What a piece reads of the source should stay in cache.
        CutChannels = wanted > 1 && blocks >= wanted && ((long)ResultChannels * Taps > 2 * source || Bands < wanted);
        int bands = (int)Math.Min((source + SourceInCache - 1) / SourceInCache, int.MaxValue / 2);
        Pieces = CutChannels ? wanted : Math.Max(1, Math.Min((bands + wanted - 1) / wanted * wanted, Bands));
        return Math.Min(threads, Units);
    }

    /// <inheritdoc/>
    public void Use(float* slabs, nint floats)
    {
        Slabs = slabs;
        Slab = floats;
    }

    // How many pieces the axis that is cut has room for.
    private readonly int Bands => CutsDepth ? D.Count(0) : CutsHeight ? H.Count(0) : W.ResultStep == 1 ? Math.Max(1, W.Result / (3 * Tile.Lanes)) : 1;

    private static CpuAxis Axis(int input, int output, int kernel, int stride, int padding, int dilation, bool transposed) =>
        new(transposed ? output : input, transposed ? input : output, kernel, stride, padding, dilation, transposed);

    private static int Divisor(int a, int b) => b == 0 ? a : Divisor(b, a % b);
}
