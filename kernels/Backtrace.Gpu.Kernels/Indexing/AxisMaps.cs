using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Indexing;

/// <summary>A linear map that acts on one axis after the other.</summary>
internal static class AxisMaps
{
    /// <summary>Applies <paramref name="tables"/> (axis, matrix) to the source and leaves the result in <paramref name="target"/>.</summary>
    /// <param name="context">Lends memory.</param>
    /// <param name="tables">At least one.</param>
    /// <param name="shape">Shape of the source.</param>
    /// <param name="source">What is mapped.</param>
    /// <param name="target">Where the result goes.</param>
    /// <param name="absolute">Map absolute values of the source.</param>
    public static void Apply(
        RuleContext context, IReadOnlyList<(int Axis, AxisTable Table)> tables, ReadOnlySpan<long> shape, ArrayView<float> source, ArrayView<float> target, bool absolute = false)
    {
        long[] sizes = shape.ToArray();
        for (int k = 0; k < tables.Count; k++)
        {
            (int axis, AxisTable table) = tables[k];
            sizes[axis] = table.Rows;
            long length = DeviceTensor.Count(sizes);
            ArrayView<float> result = k == tables.Count - 1 ? target : context.Scratch(length);
            ArrayView<float> memory = context.Scratch(table.Length);
            table.Write(context.Device, memory);
            context.Device.RunItems(
                new AxisSum
                {
                    Target = result,
                    Source = source,
                    Table = memory,
                    Rows = table.Rows,
                    Columns = table.Columns,
                    Inner = DeviceTensor.Count(sizes.AsSpan(axis + 1)),
                    Entries = table.Entries,
                    Absolute = absolute && k == 0 ? 1 : 0,
                },
                length,
                4);
            source = result;
        }
    }
}
