namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Where the mask entries of a row of queries begin: the mask broadcasts to [samples, heads, queries, keys].</summary>
internal struct AttentionMaskLayout
{
    /// <summary>As <see cref="AttentionMask"/>.</summary>
    public int Kind;

    /// <summary>Strides; 0 along axes that the mask lacks.</summary>
    public long Sample;
    public long Head;
    public long Query;
    public long Key;

    public int KeyHeads;
    public int HeadsPerKeyHead;

    /// <summary>Score of what a mask excludes.</summary>
    public float Excluded;

    public static AttentionMaskLayout Of(Attention operation, ReadOnlySpan<long> mask)
    {
        AttentionShape shape = operation.Shape;
        AttentionMaskLayout layout = new()
        {
            Kind = (int)operation.Mask,
            KeyHeads = shape.KeyHeads,
            HeadsPerKeyHead = shape.Heads / shape.KeyHeads,
            Excluded = float.NegativeInfinity,
        };
        long stride = 1;
        for (int axis = mask.Length - 1, back = 0; axis >= 0; axis--, back++)
        {
            long step = mask[axis] == 1 ? 0 : stride;
            if (back == 0)
                layout.Key = step;
            else if (back == 1)
                layout.Query = step;
            else if (back == 2)
                layout.Head = step;
            else if (back == 3)
                layout.Sample = step;
            stride *= mask[axis];
        }

        return layout;
    }

    public readonly long Offset(long pair, long row, long queries)
    {
        long sample = pair / KeyHeads;
        long within = row / queries;
        long head = (pair - sample * KeyHeads) * HeadsPerKeyHead + within;
        return sample * Sample + head * Head + (row - within * queries) * Query;
    }
}
