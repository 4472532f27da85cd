using Backtrace.Gpu.Kernels.Contraction;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// Sums of c[r, n, j]·f(b[j]), where f is |b| or another part, over n and j: what the biases of a layer take. Columns first, in chunks of rows, so that neighbouring
/// threads and vector lanes read neighbouring addresses.
/// </summary>
internal static class BiasSums
{
    private const int Chunk = 256;

    public static long ScratchLength(long rows, long perRow, long units) => rows * Chunks(perRow / units) * Direct.PaddedToLanes(units);

    /// <summary>sums[r] += Σ over the coefficients of row r.</summary>
    public static void Add(Device device, ArrayView<float> coefficients, Operand bias, long rows, ArrayView<float> sums, ArrayView<float> scratch)
    {
        long units = bias.Values.Length;
        long depth = coefficients.Length / (rows * units);
        long chunks = Chunks(depth);
        device.Run(
            new ColumnSums { Values = coefficients, Partial = scratch, Depth = depth, Chunks = chunks, Units = units, PaddedUnits = Direct.PaddedToLanes(units) },
            rows * chunks * Direct.PaddedToLanes(units),
            Math.Min(depth, Chunk));
        WeightedSums total = new() { Partial = scratch, Bias = bias.Values, Part = bias.Part, Sums = sums, Chunks = chunks, Units = units, PaddedUnits = Direct.PaddedToLanes(units) };
        Rows.Run(device, total, rows, units, chunks * units);
    }

    private static long Chunks(long depth) => (depth + Chunk - 1) / Chunk;

    internal unsafe struct ColumnSums : IElementwise
    {
        public ArrayView<float> Values;
        public ArrayView<float> Partial;
        public long Depth;
        public long Chunks;
        public long Units;
        public long PaddedUnits;

        public readonly void Run<TLane>(Share share)
            where TLane : struct, ILane<TLane>
        {
            float* values = Values.Pointer();
            float* partial = Partial.Pointer();
            for (long item = share.Begin; item < share.End; item += share.Step)
            {
                long block = item / PaddedUnits;
                long unit = item - block * PaddedUnits;
                long row = block / Chunks;
                long first = (block - row * Chunks) * Chunk;
                long last = IntrinsicMath.Min(first + Chunk, Depth);
                float* source = values + (row * Depth * Units) + unit;
                if (unit + TLane.Width <= Units)
                {
                    TLane sum = TLane.All(0);
                    for (long n = first; n < last; n++)
                        sum += TLane.Load(source + n * Units);
                    TLane.Store(partial + item, sum);
                }
                else
                {
                    for (int k = 0; k < TLane.Width; k++)
                    {
                        Scalar sum = Scalar.All(0);
                        for (long n = first; n < last && unit + k < Units; n++)
                            sum += Scalar.Load(source + n * Units + k);
                        Scalar.Store(partial + item + k, sum);
                    }
                }
            }
        }
    }

    internal unsafe struct WeightedSums : IRowKernel
    {
        public ArrayView<float> Partial;
        public ArrayView<float> Bias;
        public Part Part;
        public ArrayView<float> Sums;
        public long Chunks;
        public long Units;
        public long PaddedUnits;

        public readonly void Run<TThreads>(long row)
            where TThreads : struct, IRowThreads
        {
            float* partial = Partial.Pointer();
            float* bias = Bias.Pointer();
            float* sums = Sums.Pointer();
            float total = 0;
            for (long chunk = 0; chunk < Chunks; chunk++)
            {
                float* source = partial + ((row * Chunks) + chunk) * PaddedUnits;
                float sum = 0;
                for (long unit = TThreads.Index; unit < Units; unit += TThreads.Count)
                    sum += source[unit] * Of(bias[unit]);
                total += sum;
            }

            total = TThreads.Sum(total);
            if (TThreads.Index == 0)
                sums[row] += total;
        }

        private readonly float Of(float value) =>
            Part == Part.Signed ? value
            : Part == Part.Absolute ? IntrinsicMath.Abs(value)
            : IntrinsicMath.Max(Part == Part.Positive ? value : -value, 0f);
    }
}
