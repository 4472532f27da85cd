using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// Lists, for each row, the units of which one mass is a small difference of sums: their number, then their columns, both as bits of integers. One
/// item per row, so that the order is that of the columns.
/// </summary>
internal unsafe struct UnbalancedUnits : IKernel
{
    public ArrayView<float> P;
    public ArrayView<float> N;

    /// <summary>[rows, 1 + outputs].</summary>
    public ArrayView<float> List;
    public long Outputs;

    public readonly void Run(Share share)
    {
        float* positive = P.Pointer();
        float* negative = N.Pointer();
        float* list = List.Pointer();
        for (long row = share.Begin; row < share.End; row += share.Step)
        {
            float* target = list + row * (Outputs + 1);
            int count = 0;
            for (int j = 0; j < Outputs; j++)
            {
                float p = positive[row * Outputs + j], n = negative[row * Outputs + j];
                if (IntrinsicMath.Min(p, n) < ContrastiveLinear.Balanced * (p + n))
                {
                    count++;
                    target[count] = Interop.IntAsFloat((uint)j);
                }
            }

            target[0] = Interop.IntAsFloat((uint)count);
        }
    }
}
