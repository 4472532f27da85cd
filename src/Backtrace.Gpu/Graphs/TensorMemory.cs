using System.Collections;
using Backtrace.Gpu.Interop;

namespace Backtrace.Gpu.Graphs;

/// <summary>The memory that a tensor's entries lie in: tells whether writing to one tensor changes another.</summary>
internal sealed class TensorMemory
{
    private readonly nint begin;
    private readonly nint end;
    private readonly long[] sizes;
    private readonly long[] strides;
    private readonly long itemSize;
    private readonly bool isDense;

    public TensorMemory(RawTensor tensor, long[] shape)
    {
        sizes = shape;
        strides = new long[shape.Length];
        itemSize = tensor.ItemSize;
        begin = tensor.Data;
        isDense = tensor.IsContiguous;
        long last = 0, count = 1;
        for (int d = 0; d < shape.Length; d++)
        {
            strides[d] = tensor.Stride(d);
            last += (shape[d] - 1) * strides[d];
            count *= shape[d];
        }

        end = count == 0 ? begin : begin + (nint)((last + 1) * itemSize);
    }

    /// <summary>True if an entry of one tensor is an entry of the other.</summary>
    public bool Overlaps(TensorMemory other)
    {
        if (begin >= other.end || other.begin >= end)
            return false;
        if ((isDense && other.isDense) || itemSize != other.itemSize)
            return true;

        // Parts of one tensor, such as the halves of a chunk, interleave without touching each other.
        nint start = Math.Min(begin, other.begin);
        BitArray taken = new(checked((int)((Math.Max(end, other.end) - start) / itemSize)));
        Visit(start, at => taken[at] = true);
        bool found = false;
        other.Visit(start, at => found |= taken[at]);
        return found;
    }

    private void Visit(nint start, Action<int> visit)
    {
        int offset = checked((int)((begin - start) / itemSize));
        long[] position = new long[sizes.Length];
        while (true)
        {
            visit(offset);
            int d = sizes.Length - 1;
            for (; d >= 0; d--)
            {
                offset += (int)strides[d];
                if (++position[d] < sizes[d])
                    break;
                offset -= (int)(strides[d] * sizes[d]);
                position[d] = 0;
            }

            if (d < 0)
                return;
        }
    }
}
