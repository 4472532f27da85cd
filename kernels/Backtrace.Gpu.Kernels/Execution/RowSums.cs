using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// Sums of rows in two launches. A row is cut into chunks and each chunk is summed by 32 interleaved lanes, so that GPU threads read
/// neighbouring addresses, the CPU reads vectors, and no sum depends on how the work was shared out.
/// </summary>
public static class RowSums
{
    private const int Lanes = 32;
    private const int Chunk = 4096;

    /// <summary>Number of scratch floats that <see cref="Add"/> needs.</summary>
    public static long ScratchLength(long rows, long length) => rows * Chunks(length) * Lanes;

    /// <summary>sums[r] += Σ over the <paramref name="length"/> terms of row r.</summary>
    public static void Add<TTerm>(Device device, TTerm term, long rows, long length, ArrayView<float> sums, ArrayView<float> scratch)
        where TTerm : struct, ITerm
    {
        long partials = Chunks(length) * Lanes;
        var partial = scratch.SubView(0, rows * partials);
        device.Run(new ChunkSums<TTerm> { Term = term, Partial = partial, Length = length, Chunks = Chunks(length) }, rows * partials, Chunk / Lanes);
        device.RunItems(new PartialSums { Partial = partial, Sums = sums, Count = partials }, rows, partials);
    }

    private static long Chunks(long length) => Math.Max(1, (length + Chunk - 1) / Chunk);

    internal unsafe struct ChunkSums<TTerm> : IElementwise
        where TTerm : struct, ITerm
    {
        public TTerm Term;
        public ArrayView<float> Partial;
        public long Length;
        public long Chunks;

        public readonly void Run<TLane>(Share share)
            where TLane : struct, ILane<TLane>
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
                TLane sum = TLane.All(0);
                TLane second = TLane.All(0);
                long i = chunk * Chunk + (rest - chunk * Lanes);
                for (; i + Lanes + TLane.Width <= end; i += 2 * Lanes)
                {
                    sum += TTerm.At<TLane>(pointers, start, i);
                    second += TTerm.At<TLane>(pointers, start, i + Lanes);
                }

                if (i + TLane.Width <= end)
                {
                    sum += TTerm.At<TLane>(pointers, start, i);
                    i += Lanes;
                }

                TLane.Store(partial + item, sum + second);

                // What is left where a vector would reach over the end of the row.
                if (TLane.Width > 1)
                {
                    for (int k = 0; i + k < end && k < TLane.Width; k++)
                        Scalar.Store(partial + (item + k), Scalar.Load(partial + (item + k)) + TTerm.At<Scalar>(pointers, start, i + k));
                }
            }
        }
    }

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
}
