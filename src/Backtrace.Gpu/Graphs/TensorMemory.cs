using System.Collections;
using Backtrace.Gpu.Interop;

namespace Backtrace.Gpu.Graphs;

/// <summary>The memory that a tensor's entries lie in: tells whether writing to one tensor changes another, and which entries.</summary>
internal sealed class TensorMemory
{
    private const int MostAxes = 16;

    private readonly nint begin;
    private readonly nint end;
    private readonly long[] sizes;
    private readonly long[] strides;
    private readonly bool isDense;

    public TensorMemory(RawTensor tensor, long[] shape)
    {
        sizes = shape;
        strides = new long[shape.Length];
        ItemSize = tensor.ItemSize;
        begin = tensor.Data;
        Storage = tensor.Storage;
        isDense = tensor.IsContiguous;
        long last = 0, count = 1;
        for (int d = 0; d < shape.Length; d++)
        {
            strides[d] = tensor.Stride(d);
            last += (shape[d] - 1) * strides[d];
            count *= shape[d];
        }

        end = count == 0 ? begin : begin + (nint)((last + 1) * ItemSize);
    }

    /// <summary>Address of the memory that all views of one tensor share.</summary>
    public nint Storage { get; }

    /// <summary>Bytes of an entry.</summary>
    public long ItemSize { get; }

    /// <summary>Number of places from the first entry to the last.</summary>
    public int Span => checked((int)((end - begin) / ItemSize));

    /// <summary>True if an entry of one tensor is an entry of the other. Allocates nothing where both are parts of one tensor cut along its axes.</summary>
    public bool Overlaps(TensorMemory other)
    {
        if (begin >= other.end || other.begin >= end)
            return false;
        if ((isDense && other.isDense) || ItemSize != other.ItemSize)
            return true;

        // Parts of one tensor, such as the halves of a chunk, interleave without touching each other.
        return MeetAsBoxes(other) ?? Meets(other);
    }

    private bool Meets(TensorMemory other)
    {
        nint start = Math.Min(begin, other.begin);
        BitArray taken = new(checked((int)((Math.Max(end, other.end) - start) / ItemSize)));
        Visit(start, (_, at) => taken[at] = true);
        bool found = false;
        other.Visit(start, (_, at) => found |= taken[at]);
        return found;
    }

    /// <summary>Calls <paramref name="visit"/> with each entry, in row-major order, and its place relative to the begin of <paramref name="frame"/>.</summary>
    public void Visit(TensorMemory frame, Action<int, int> visit) => Visit(frame.begin, visit);

    private void Visit(nint start, Action<int, int> visit)
    {
        if (begin == end)
            return;
        int offset = checked((int)((begin - start) / ItemSize)), entry = 0;
        long[] position = new long[sizes.Length];
        while (true)
        {
            visit(entry++, offset);
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

    // If all strides divide one another, places are numbers whose digits are positions along axes, and both tensors are boxes of digits. Null if they are not.
    private bool? MeetAsBoxes(TensorMemory other)
    {
        Span<long> radices = stackalloc long[2 * MostAxes + 1];
        int count = 0;
        radices[count++] = 1;
        if (sizes.Length > MostAxes || other.sizes.Length > MostAxes || Storage != other.Storage)
            return null;
        Collect(radices, ref count);
        other.Collect(radices, ref count);
        radices = radices[..count];
        radices.Sort();
        for (int k = 1; k < count; k++)
        {
            if (radices[k] % radices[k - 1] != 0)
                return null;
        }

        Span<long> first = stackalloc long[count], firstSize = stackalloc long[count], second = stackalloc long[count], secondSize = stackalloc long[count];
        if (!Digits(radices, first, firstSize) || !other.Digits(radices, second, secondSize))
            return null;
        for (int k = 0; k < count; k++)
        {
            if (first[k] >= second[k] + secondSize[k] || second[k] >= first[k] + firstSize[k])
                return false;
        }

        return true;
    }

    private void Collect(Span<long> radices, ref int count)
    {
        for (int d = 0; d < sizes.Length; d++)
        {
            if (sizes[d] > 1 && strides[d] > 0 && !radices[..count].Contains(strides[d]))
                radices[count++] = strides[d];
        }
    }

    private bool Digits(ReadOnlySpan<long> radices, Span<long> first, Span<long> size)
    {
        size.Fill(1);
        for (int d = 0; d < sizes.Length; d++)
        {
            if (sizes[d] <= 1 || strides[d] == 0)
                continue;
            int k = radices.IndexOf(strides[d]);
            if (size[k] != 1)
                return false;
            size[k] = sizes[d];
        }

        long rest = (begin - Storage) / ItemSize;
        for (int k = radices.Length - 1; k >= 0; k--)
        {
            (first[k], rest) = Math.DivRem(rest, radices[k]);
            if (k < radices.Length - 1 && (first[k] + size[k]) * radices[k] > radices[k + 1])
                return false;
        }

        return true;
    }
}
