using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// Sums of rows in two launches. A row is cut into chunks and each chunk is summed by 32 interleaved lanes, so that GPU threads read
/// neighbouring addresses, processors read vectors, and no sum depends on how the work was shared out.
/// </summary>
public static class RowSums
{
    private const int Lanes = 32;
    private const int Chunk = 4096;
    private const int Threads = GroupThreads.Most;

    /// <summary>Number of scratch floats that <see cref="Add"/> needs.</summary>
    public static long ScratchLength(long rows, long length) => rows * Chunks(length) * Lanes;

    /// <summary>sums[r] += Σ over the <paramref name="length"/> terms of row r.</summary>
    public static void Add<TTerm>(Device device, TTerm term, long rows, long length, ArrayView<float> sums, ArrayView<float> scratch)
        where TTerm : struct, ITerm
    {
        if (rows == 0 || length == 0)
            return;
        long chunks = Chunks(length), count = chunks * Lanes;
        ArrayView<float> partial = scratch.SubView(0, rows * count);
        if (device.IsDirect)
            device.RunItems(new WideSums<TTerm, Simd> { Term = term, Partial = partial, Length = length, Chunks = chunks }, rows * chunks, Math.Min(length, Chunk));
        else if (device.IsProcessor)
            device.RunItems(new WideSums<TTerm, Octet> { Term = term, Partial = partial, Length = length, Chunks = chunks }, rows * chunks);
        else
            device.RunItems(new ChunkSums<TTerm> { Term = term, Partial = partial, Length = length, Chunks = chunks }, rows * count);

        if (count <= Threads)
            device.RunItems(new PartialSums { Partial = partial, Sums = sums, Count = count }, rows, count);
        else if (device.IsProcessor || rows > int.MaxValue)
            device.RunItems(new LongPartialSums { Partial = partial, Sums = sums, Count = count }, rows, count);
        else
            device.RunGroups(new GroupedPartialSums { Partial = partial, Sums = sums, Count = count }, new Index3D((int)rows, 1, 1), Threads);
    }

    private static long Chunks(long length) => Math.Max(1, (length + Chunk - 1) / Chunk);

    /// <summary>A GPU thread per lane of a chunk.</summary>
    internal unsafe struct ChunkSums<TTerm> : IKernel
        where TTerm : struct, ITerm
    {
        public TTerm Term;
        public ArrayView<float> Partial;
        public long Length;
        public long Chunks;

        public readonly void Run(Share share)
        {
            TermPointers pointers = Term.Open();
            float* partial = Partial.Pointer();
            for (long item = share.Begin; item < share.End; item += share.Step)
            {
                long row = item / (Chunks * Lanes);
                long rest = item - row * Chunks * Lanes;
                long chunk = rest / Lanes;
                long end = IntrinsicMath.Min((chunk + 1) * Chunk, Length);
                long start = row * Length;
                Scalar sum = Scalar.All(0);
                for (long i = chunk * Chunk + (rest - chunk * Lanes); i < end; i += Lanes)
                    sum += TTerm.At<Scalar>(pointers, start, i);
                Scalar.Store(partial + item, sum);
            }
        }
    }

    /// <summary>A processor's loop over a whole chunk, all lanes side by side.</summary>
    internal unsafe struct WideSums<TTerm, TLane> : IKernel
        where TTerm : struct, ITerm
        where TLane : struct, ILane<TLane>
    {
        public TTerm Term;
        public ArrayView<float> Partial;
        public long Length;
        public long Chunks;

        public readonly void Run(Share share)
        {
            TermPointers pointers = Term.Open();
            float* partial = Partial.Pointer();
            for (long item = share.Begin; item < share.End; item += share.Step)
            {
                long row = item / Chunks;
                long start = row * Length;
                long i = (item - row * Chunks) * Chunk;
                long end = IntrinsicMath.Min(i + Chunk, Length);
                TLane a = TLane.All(0), b = TLane.All(0), c = TLane.All(0), d = TLane.All(0);
                for (; i + Lanes <= end; i += Lanes)
                {
                    a += TTerm.At<TLane>(pointers, start, i);
                    b += TTerm.At<TLane>(pointers, start, i + 8);
                    c += TTerm.At<TLane>(pointers, start, i + 16);
                    d += TTerm.At<TLane>(pointers, start, i + 24);
                }

                // The lanes that are left, whole vectors first.
                long left = end - i;
                if (left >= 8)
                    a += TTerm.At<TLane>(pointers, start, i);
                if (left >= 16)
                    b += TTerm.At<TLane>(pointers, start, i + 8);
                if (left >= 24)
                    c += TTerm.At<TLane>(pointers, start, i + 16);
                long at = item * Lanes;
                TLane.Store(partial + at, a);
                TLane.Store(partial + (at + 8), b);
                TLane.Store(partial + (at + 16), c);
                TLane.Store(partial + (at + 24), d);
                for (long k = left / 8 * 8; k < left; k++)
                    Scalar.Store(partial + (at + k), Scalar.Load(partial + (at + k)) + TTerm.At<Scalar>(pointers, start, i + k));
            }
        }
    }

    /// <summary>A thread per short row.</summary>
    internal unsafe struct PartialSums : IKernel
    {
        public ArrayView<float> Partial;
        public ArrayView<float> Sums;
        public long Count;

        public readonly void Run(Share share)
        {
            float* partial = Partial.Pointer();
            float* sums = Sums.Pointer();
            for (long row = share.Begin; row < share.End; row += share.Step)
            {
                long end = (row + 1) * Count;
                float a = 0, b = 0, c = 0, d = 0;
                for (long i = row * Count; i < end; i += 4)
                {
                    a += partial[i];
                    b += partial[i + 1];
                    c += partial[i + 2];
                    d += partial[i + 3];
                }

                sums[row] += (a + b) + (c + d);
            }
        }
    }

    /// <summary>A thread per long row: what <see cref="GroupedPartialSums"/> does, in its order, in place.</summary>
    internal unsafe struct LongPartialSums : IKernel
    {
        public ArrayView<float> Partial;
        public ArrayView<float> Sums;
        public long Count;

        public readonly void Run(Share share)
        {
            float* partial = Partial.Pointer();
            float* sums = Sums.Pointer();
            for (long row = share.Begin; row < share.End; row += share.Step)
            {
                long first = row * Count, end = first + Count;
                for (long block = first + Threads; block < end; block += Threads)
                    Add(partial, first, block, IntrinsicMath.Min(Threads, end - block));
                for (long distance = Threads / 2; distance > 0; distance >>= 1)
                    Add(partial, first, first + distance, distance);
                sums[row] += partial[first];
            }
        }

        private static void Add(float* values, long to, long from, long count)
        {
            for (long k = 0; k < count; k++)
                values[to + k] += values[from + k];
        }
    }

    /// <summary>A group of GPU threads per long row, and a tree over their sums.</summary>
    internal unsafe struct GroupedPartialSums : IGroupKernel
    {
        public ArrayView<float> Partial;
        public ArrayView<float> Sums;
        public long Count;

        public readonly void Run()
        {
            float* partial = Partial.Pointer();
            long row = Grid.IdxX;
            long end = (row + 1) * Count;
            float sum = 0;
            for (long i = row * Count + GroupThreads.Index; i < end; i += Threads)
                sum += partial[i];
            sum = GroupThreads.Sum(sum);
            if (GroupThreads.Index == 0)
                Sums.Pointer()[row] += sum;
        }
    }
}
