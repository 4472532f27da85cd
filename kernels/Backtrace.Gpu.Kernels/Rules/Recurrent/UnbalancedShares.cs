using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>
/// Hands out the shares of the listed units, of which one mass is small, contribution by contribution, and takes them out of the products. A stream
/// shares along one sign only, so that a = α + β and b = α − β are exact. An item is a row.
/// </summary>
internal unsafe struct UnbalancedShares : IKernel
{
    public ArrayView<float> X;
    public ArrayView<float> W;

    /// <summary>[rows, 1 + outputs], see <see cref="Contrast.UnbalancedUnits"/>.</summary>
    public ArrayView<float> List;

    /// <summary>α of both streams, β of both streams, [4, rows, outputs].</summary>
    public ArrayView<float> Shares;

    /// <summary>[rows, inputs].</summary>
    public ArrayView<float> Supporting;
    public ArrayView<float> Opposing;

    /// <summary>1: the targets hold nothing yet.</summary>
    public int Clears;
    public long Rows;
    public long Inputs;
    public long Outputs;

    public readonly void Run(Share share)
    {
        float* x = X.Pointer();
        float* w = W.Pointer();
        float* list = List.Pointer();
        float* alpha = Shares.Pointer();
        long plane = Rows * Outputs;
        for (long row = share.Begin; row < share.End; row += share.Step)
        {
            float* supporting = Supporting.Pointer() + row * Inputs;
            float* opposing = Opposing.Pointer() + row * Inputs;
            for (long i = 0; i < Inputs & Clears != 0; i++)
                supporting[i] = opposing[i] = 0f;
            float* columns = list + row * (Outputs + 1);
            long count = Interop.FloatAsInt(columns[0]);
            for (long k = 1; k <= count; k++)
            {
                long column = Interop.FloatAsInt(columns[k]);
                float* unit = alpha + (row * Outputs + column);
                float supportingP = unit[0] + unit[2 * plane], supportingN = unit[0] - unit[2 * plane];
                float opposingP = unit[plane] + unit[3 * plane], opposingN = unit[plane] - unit[3 * plane];
                unit[0] = unit[plane] = unit[2 * plane] = unit[3 * plane] = 0f;
                for (long i = 0; i < Inputs; i++)
                {
                    float z = x[row * Inputs + i] * w[column * Inputs + i];
                    float p = IntrinsicMath.Max(z, 0f), n = IntrinsicMath.Max(-z, 0f);
                    supporting[i] += p * supportingP + n * supportingN;
                    opposing[i] += p * opposingP + n * opposingN;
                }
            }
        }
    }
}
