using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Indexing;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>One axis of a pooling layer, in both directions: the positions of a window and the windows of a position.</summary>
internal readonly struct PoolAxis(int input, int output, int kernel, int stride, int padding, int dilation)
{
    public readonly long Input = input;
    public readonly long Output = output;
    private readonly long kernel = kernel;
    private readonly long stride = stride;
    private readonly long padding = padding;

    /// <summary>Distance between the positions of a window.</summary>
    public readonly long Step = stride == 0 ? 1 : dilation;

    /// <summary>True if no position lies in two windows.</summary>
    public bool IsDisjoint => stride == 0 ? Input % Output == 0 : stride > (kernel - 1) * Step;

    /// <summary>The windows as a matrix [outputs, inputs] of ones.</summary>
    public AxisTable Windows()
    {
        List<AxisEntry> entries = [];
        for (long q = 0; q < Output; q++)
        {
            for (long p = Begin(q); p < End(q); p += Step)
                entries.Add(new AxisEntry((int)q, (int)p, 1));
        }

        return new AxisTable((int)Output, (int)Input, entries);
    }

    /// <summary>First position of window <paramref name="q"/> inside the input.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Begin(long q)
    {
        if (stride == 0)
            return Division.Quotient(q * Input, Output);
        long start = q * stride - padding;
        if (start >= 0)
            return start;
        return Step == 1 ? 0 : start + Division.Quotient(Step - 1 - start, Step) * Step;
    }

    /// <summary>One past the last position that window <paramref name="q"/> may read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long End(long q)
    {
        if (stride == 0)
            return Division.Quotient((q + 1) * Input + Output - 1, Output);
        long end = q * stride - padding + (kernel - 1) * Step + 1;
        return end < Input ? end : Input;
    }

    /// <summary>The first window that may contain position <paramref name="p"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long First(long p)
    {
        if (stride == 0)
            return Division.Quotient(p * Output, Input);
        long reach = p + padding - (kernel - 1) * Step;
        return reach <= 0 ? 0 : Division.Quotient(reach + stride - 1, stride);
    }

    /// <summary>The last window that may contain position <paramref name="p"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Last(long p)
    {
        if (stride == 0)
            return Division.Quotient((p + 1) * Output - 1, Input);
        long last = Division.Quotient(p + padding, stride);
        return last < Output ? last : Output - 1;
    }

    /// <summary>Between <see cref="First"/> and <see cref="Last"/>: whether position <paramref name="p"/> falls on a tap of window <paramref name="q"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(long p, long q)
    {
        if (Step == 1)
            return true;
        long offset = p - (q * stride - padding);
        return offset - Division.Quotient(offset, Step) * Step == 0;
    }
}
