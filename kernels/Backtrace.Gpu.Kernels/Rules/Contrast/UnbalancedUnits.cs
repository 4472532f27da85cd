using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// Lists, for each row, the units of which one mass is a small difference of sums or of value and bias: their number, then their columns, both as bits of
/// integers. One item per row, so that the order is that of the columns.
/// </summary>
internal unsafe struct UnbalancedUnits : IKernel
{
    /// <summary>The smaller mass of a unit must be at least this part of the whole and of the bias, else the unit is handled by itself.</summary>
    public const float Balanced = 0.01f;

    public ArrayView<float> P;
    public ArrayView<float> N;

    /// <summary>[outputs].</summary>
    public ArrayView<float> Bias;
    public int HasBias;

    /// <summary>[rows, 1 + outputs].</summary>
    public ArrayView<float> List;
    public long Outputs;

    public readonly void Run(Share share)
    {
        float* positive = P.Pointer();
        float* negative = N.Pointer();
        float* bias = Bias.Pointer();
        float* list = List.Pointer();
        for (long row = share.Begin; row < share.End; row += share.Step)
        {
            float* target = list + row * (Outputs + 1);
            int count = 0;
            for (int j = 0; j < Outputs; j++)
            {
                if (IsUnbalanced(positive[row * Outputs + j], negative[row * Outputs + j], HasBias != 0 ? bias[j] : 0f))
                {
                    count++;
                    target[count] = Interop.IntAsFloat((uint)j);
                }
            }

            target[0] = Interop.IntAsFloat((uint)count);
        }
    }

    /// <summary>
    /// True if the rounding of p + n or of the bias is more than a small part of p or n. A unit without contributions has none: its value is its bias.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsUnbalanced(float p, float n, float bias) =>
        IntrinsicMath.Min(p, n) < Balanced * IntrinsicMath.Max(p + n, IntrinsicMath.Abs(bias)) & IntrinsicMath.Max(p, n) > 0f;
}
