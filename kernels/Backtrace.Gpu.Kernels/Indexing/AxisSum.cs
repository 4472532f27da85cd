using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Indexing;

/// <summary>target[outer, j, inner] = Σ_k weight[j, k] · source[outer, k, inner], with the weights of an <see cref="AxisTable"/>.</summary>
internal unsafe struct AxisSum : IKernel
{
    public ArrayView<float> Target;
    public ArrayView<float> Source;
    public ArrayView<float> Table;
    public long Rows;
    public long Columns;
    public long Inner;
    public long Entries;

    /// <summary>1: read absolute values of the source.</summary>
    public int Absolute;

    public readonly void Run(Share share)
    {
        float* target = Target.Pointer();
        float* source = Source.Pointer();
        float* table = Table.Pointer();
        long columns = Rows + 1;
        long weights = columns + Entries;
        long n = 0, row = 0, outer = 0;
        for (long i = share.Begin; i < share.End;)
        {
            if (i == share.Begin || share.Step != 1)
            {
                long line = Division.Quotient(i, Inner);
                n = i - line * Inner;
                outer = Division.Quotient(line, Rows);
                row = line - outer * Rows;
            }

            long run = share.Step == 1 ? IntrinsicMath.Min(Inner - n, share.End - i) : 1;
            long origin = outer * Columns * Inner + n;
            int begin = (int)Interop.FloatAsInt(table[row]);
            int end = (int)Interop.FloatAsInt(table[row + 1]);
            for (long k = 0; k < run; k++)
            {
                float sum = 0;
                for (int e = begin; e < end; e++)
                {
                    float value = source[origin + (int)Interop.FloatAsInt(table[columns + e]) * Inner + k];
                    sum += table[weights + e] * (Absolute != 0 ? IntrinsicMath.Abs(value) : value);
                }

                target[i + k] = sum;
            }

            // Runs end where the inner axis does.
            n = 0;
            row++;
            if (row == Rows)
            {
                row = 0;
                outer++;
            }

            i += share.Step == 1 ? run : share.Step;
        }
    }
}
