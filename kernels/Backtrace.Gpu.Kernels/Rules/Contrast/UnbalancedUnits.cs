using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// Lists, for each row, the units that <see cref="HalfMasses{TLane}"/> found unbalanced: their number, then their columns, both as bits of integers. One item
/// per row, so that the order is that of the columns.
/// </summary>
internal unsafe struct UnbalancedUnits : IKernel
{
    /// <summary>The smaller mass of a unit must be at least this part of the whole and of the bias, else the unit is handled by itself.</summary>
    public const float Balanced = 0.01f;

    public ArrayView<float> N;

    /// <summary>[rows, 1 + outputs].</summary>
    public ArrayView<float> List;
    public long Outputs;

    public readonly void Run(Share share)
    {
        float* negative = N.Pointer();
        float* list = List.Pointer();
        for (long row = share.Begin; row < share.End; row += share.Step)
        {
            float* target = list + row * (Outputs + 1);
            float* units = negative + row * Outputs;
            int count = 0;
            for (long first = 0; first < Outputs; first += 8)
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
                        target[count] = Interop.IntAsFloat((uint)j);
                    }
                }
            }

            target[0] = Interop.IntAsFloat((uint)count);
        }
    }

    private static bool HasSign(float* units)
    {
        int* bits = (int*)units;
        return (bits[0] | bits[1] | bits[2] | bits[3] | bits[4] | bits[5] | bits[6] | bits[7]) < 0;
    }
}
