namespace Backtrace.Gpu.Kernels.Indexing;

/// <summary>One axis of a <see cref="StridedMap"/>: its length and its strides in the target and in the source.</summary>
internal readonly record struct StrideAxis(long Count, long Target, long Source)
{
    /// <summary>The mirror image of a set of axes.</summary>
    public StrideAxis Reversed => new(Count, Source, Target);

    /// <summary>True if this axis continues <paramref name="inner"/> in both arrays, so that the two are one.</summary>
    public bool Continues(StrideAxis inner) => Target == inner.Count * inner.Target && Source == inner.Count * inner.Source;

    /// <summary>Row-major strides of a shape.</summary>
    public static long[] RowMajor(ReadOnlySpan<long> shape)
    {
        long[] strides = new long[shape.Length];
        long next = 1;
        for (int k = shape.Length - 1; k >= 0; k--)
        {
            strides[k] = next;
            next *= shape[k];
        }

        return strides;
    }
}
