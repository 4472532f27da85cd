using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>Takes the listed units of both signs out of the products: they hand out their relevance contribution by contribution. An item is a row.</summary>
internal unsafe struct WithoutListed : IKernel
{
    public ListedUnits Units;

    public readonly void Run(Share share)
    {
        float* list = Units.List.Pointer();
        float* alpha = Units.Shares.Alpha.Pointer();
        float* beta = Units.Shares.Beta.Pointer();
        long outputs = Units.Operands.Outputs, units = Units.Shares.Units;
        for (long row = share.Begin; row < share.End; row += share.Step)
        {
            float* columns = list + row * (outputs + 1);
            long count = Interop.FloatAsInt(columns[0]);
            for (long k = 1; k <= count; k++)
            {
                long column = Interop.FloatAsInt(columns[k]);
                if (!Units.HasBothSigns(row, column))
                    continue;
                long unit = row * outputs + column;
                alpha[unit] = alpha[units + unit] = beta[unit] = beta[units + unit] = 0f;
            }
        }
    }
}
