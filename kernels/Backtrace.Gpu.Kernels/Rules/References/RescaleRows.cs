using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>Multiplies rows so that their sums become what arrived, where that is positive and there is something to multiply.</summary>
internal unsafe struct RescaleRows : IKernel
{
    public ArrayView<float> Values;

    /// <summary>Sums of the rows as they should be.</summary>
    public ArrayView<float> Arrived;

    /// <summary>Sums of the rows as they are.</summary>
    public ArrayView<float> Sums;

    /// <summary>Entries of a row.</summary>
    public long Length;

    public readonly void Run(Share share)
    {
        float* values = Values.Pointer();
        float* arrived = Arrived.Pointer();
        float* sums = Sums.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            long row = i / Length;
            float total = arrived[row], sum = sums[row];
            if (total > 0f && IntrinsicMath.Abs(sum) > Coefficient.Smallest)
                values[i] *= total / sum;
        }
    }

    /// <summary>Rescales <paramref name="values"/> to the sums of <paramref name="arrived"/>, row by row.</summary>
    public static void Apply(RuleContext context, ArrayView<float> values, ArrayView<float> arrived, long rows)
    {
        RescaleRows kernel = new() { Values = values, Arrived = SumsOf(context, arrived, rows), Sums = SumsOf(context, values, rows), Length = values.Length / rows };
        context.Device.RunItems(kernel, values.Length, 2);
    }

    private static ArrayView<float> SumsOf(RuleContext context, ArrayView<float> values, long rows)
    {
        long length = values.Length / rows;
        ArrayView<float> sums = context.Scratch(rows);
        context.Device.Run(new Fill { Target = sums, Value = 0 }, rows);
        RowSums.Add(context.Device, new ValueTerm { Values = values }, rows, length, sums, context.Scratch(RowSums.ScratchLength(rows, length)));
        return sums;
    }
}
