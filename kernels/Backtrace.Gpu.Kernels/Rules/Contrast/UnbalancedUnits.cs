using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// Lists, for each row, the units that <see cref="HalfMasses{TLane}"/> found unbalanced: their number, then their columns, both as bits of integers. The
/// order depends on nothing but the number of threads that share a row.
/// </summary>
internal unsafe struct UnbalancedUnits : IRowKernel
{
    /// <summary>The smaller mass of a unit must be at least this part of the whole and of the bias, else the unit is handled by itself.</summary>
    public const float Balanced = 0.01f;

    public ArrayView<float> N;

    /// <summary>[rows, 1 + outputs].</summary>
    public ArrayView<float> List;
    public long Outputs;

    public readonly void Run<TThreads>(long row)
        where TThreads : struct, IRowThreads
    {
        float* target = List.Pointer() + row * (Outputs + 1);
        float* units = N.Pointer() + row * Outputs;

        // Whole numbers below 2²⁴: sums are exact.
        int before = TThreads.Count == 1 ? 0 : (int)TThreads.SumBefore(Walk<TThreads>(units, target, 0, isWritten: false));
        int end = Walk<TThreads>(units, target, before, isWritten: true);
        float count = TThreads.Sum(end - before);
        if (TThreads.Index == 0)
            target[0] = Interop.IntAsFloat((uint)(int)count);
    }

    private readonly int Walk<TThreads>(float* units, float* target, int count, bool isWritten)
        where TThreads : struct, IRowThreads
    {
        for (long first = 8 * TThreads.Index; first < Outputs; first += 8 * TThreads.Count)
        {
            // Nearly all have no sign bit: eight are looked at together.
            long end = IntrinsicMath.Min(first + 8, Outputs);
            if (end == first + 8 && !HasSign(units + first))
                continue;
            for (long j = first; j < end; j++)
            {
                if (units[j] < 0f)
                {
                    count++;
                    if (isWritten)
                        target[count] = Interop.IntAsFloat((uint)j);
                }
            }
        }

        return count;
    }

    private static bool HasSign(float* units)
    {
        int* bits = (int*)units;
        return (bits[0] | bits[1] | bits[2] | bits[3] | bits[4] | bits[5] | bits[6] | bits[7]) < 0;
    }
}
