namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// One spatial axis of a convolution or of its transpose, seen as: result k·ResultStep + phase reads source (k + shift)·SourceStep + source
/// phase. Once the source is split into its phases, every tap is a shift, so that neighbours in the result read neighbours.
/// </summary>
internal readonly struct CpuAxis
{
    private readonly int stride;
    private readonly int padding;
    private readonly int dilation;
    private readonly bool transposed;

    public CpuAxis(int source, int result, int kernel, int stride, int padding, int dilation, bool transposed)
    {
        Source = source;
        Result = result;
        Kernel = kernel;
        this.stride = stride;
        this.padding = padding;
        this.dilation = dilation;
        this.transposed = transposed;
        int lowest = int.MaxValue, highest = int.MinValue;
        for (int phase = 0; phase < Math.Min(ResultStep, result); phase++)
        {
            for (int tap = 0; tap < kernel; tap++)
            {
                if (!Reaches(phase, tap, out _, out int shift))
                    continue;
                lowest = Math.Min(lowest, shift);
                highest = Math.Max(highest, shift);
            }
        }

        Lowest = lowest > highest ? 0 : lowest;
        Highest = lowest > highest ? 0 : highest;
    }

    /// <summary>Entries of the source.</summary>
    public int Source { get; }

    /// <summary>Entries of the result.</summary>
    public int Result { get; }

    /// <summary>Number of taps.</summary>
    public int Kernel { get; }

    /// <summary>Smallest shift of any tap.</summary>
    public int Lowest { get; }

    /// <summary>Largest shift of any tap.</summary>
    public int Highest { get; }

    /// <summary>Phases that the source is split into.</summary>
    public int SourceStep => transposed ? 1 : stride;

    /// <summary>Phases that the result consists of.</summary>
    public int ResultStep => transposed ? stride : 1;

    /// <summary>Entries of one phase of the result.</summary>
    public int Count(int phase) => phase < Result ? ((Result - phase - 1) / ResultStep) + 1 : 0;

    /// <summary>Which entries of a packed stretch of <paramref name="length"/> entries of a source phase, from <paramref name="origin"/> on, lie inside the source.</summary>
    public (int Begin, int End) Inside(int origin, int length, int phase)
    {
        int begin = Math.Clamp(-origin, 0, length);
        int entries = (Source - phase + SourceStep - 1) / SourceStep;
        return (begin, Math.Clamp(entries - origin, begin, length));
    }

    /// <summary>Whether any tap reads a phase of the source.</summary>
    public bool ReadsPhase(int phase)
    {
        for (int tap = 0; tap < Kernel; tap++)
        {
            if (transposed || (Reaches(0, tap, out int read, out _) && read == phase))
                return true;
        }

        return false;
    }

    /// <summary>Whether a tap contributes to a phase of the result, and from where.</summary>
    public bool Reaches(int phase, int tap, out int sourcePhase, out int shift)
    {
        int distance = transposed ? phase + padding - (tap * dilation) : (tap * dilation) - padding;
        shift = distance >= 0 ? distance / stride : -((stride - 1 - distance) / stride);
        sourcePhase = transposed ? 0 : distance - (shift * stride);
        return !transposed || distance == shift * stride;
    }
}
