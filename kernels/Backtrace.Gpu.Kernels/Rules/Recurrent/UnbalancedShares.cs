using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>
/// Hands out the shares of the listed units, of which one mass is small, contribution by contribution, and takes them out of the products. A stream
/// shares along one sign only, so that a = α + β and b = α − β are exact. An item is a row.
/// </summary>
internal unsafe struct UnbalancedShares : ILaneKernel
{
    public ArrayView<float> X;
    public ArrayView<float> W;

    /// <summary>[rows, 1 + outputs], see <see cref="UnbalancedUnits"/>.</summary>
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

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
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
                Shares<Scalar> shares = new()
                {
                    SupportingP = Scalar.All(unit[0] + unit[2 * plane]),
                    SupportingN = Scalar.All(unit[0] - unit[2 * plane]),
                    OpposingP = Scalar.All(unit[plane] + unit[3 * plane]),
                    OpposingN = Scalar.All(unit[plane] - unit[3 * plane]),
                };
                unit[0] = unit[plane] = unit[2 * plane] = unit[3 * plane] = 0f;
                Contributions.Add<TLane>(x + row * Inputs, w + column * Inputs, Inputs, shares, supporting, opposing);
            }
        }
    }
}
