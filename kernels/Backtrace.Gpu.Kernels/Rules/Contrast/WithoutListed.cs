using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>Takes the listed units out of the products: they hand out their relevance contribution by contribution. An item is a row.</summary>
internal unsafe struct WithoutListed : IKernel
{
    /// <summary>[rows, 1 + outputs], see <see cref="UnbalancedUnits"/>.</summary>
    public ArrayView<float> List;

    /// <summary>[2, units].</summary>
    public ArrayView<float> Alpha;

    /// <summary>[2, units].</summary>
    public ArrayView<float> Beta;
    public long Outputs;
    public long Units;

    public readonly void Run(Share share)
    {
        float* list = List.Pointer();
        float* alpha = Alpha.Pointer();
        float* beta = Beta.Pointer();
        for (long row = share.Begin; row < share.End; row += share.Step)
        {
            float* columns = list + row * (Outputs + 1);
            long count = Interop.FloatAsInt(columns[0]);
            for (long k = 1; k <= count; k++)
            {
                long unit = row * Outputs + Interop.FloatAsInt(columns[k]);
                alpha[unit] = alpha[Units + unit] = beta[unit] = beta[Units + unit] = 0f;
            }
        }
    }
}
