using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The masses of the units of a dense layer from S = |W||x| and y = Wx + b (rules.md, E.2): differences, and for the listed units, of which one
/// mass is small, sums of terms.
/// </summary>
/// <param name="P">[rows, outputs].</param>
/// <param name="N">[rows, outputs].</param>
/// <param name="List">[rows, 1 + outputs], see <see cref="UnbalancedUnits"/>.</param>
internal readonly record struct LinearUnits(ArrayView<float> P, ArrayView<float> N, ArrayView<float> List)
{
    /// <param name="context">The node.</param>
    /// <param name="shape">The layer.</param>
    /// <param name="x">Its inputs.</param>
    /// <param name="weight">W.</param>
    /// <param name="bias">b; may be invalid.</param>
    /// <param name="value">y.</param>
    /// <param name="masses">Memory for p and n, [2, rows, outputs].</param>
    public static LinearUnits Of(
        RuleContext context, LinearShape shape, ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> value, ArrayView<float> masses)
    {
        long count = (long)shape.Rows * shape.Outputs;
        Device device = context.Device;
        LinearUnits units = new(masses.SubView(0, count), masses.SubView(count, count), context.Scratch((long)shape.Rows * (shape.Outputs + 1)));
        (ArrayView<float> repeated, long period) = Repeated(context, bias, shape, value);
        LinearMasses differences = new() { Value = value, Bias = repeated, Period = period, P = units.P, N = units.N };
        context.Contraction.Linear(shape, Operand.Abs(x), Operand.Abs(weight), Operand.None, units.P, differences);
        Rows.Run(device, new UnbalancedUnits { N = units.N, List = units.List, Outputs = shape.Outputs }, shape.Rows, shape.Outputs, shape.Outputs);
        ExactMasses exact = new() { X = x, W = weight, List = units.List, P = units.P, N = units.N, Inputs = shape.Inputs, Outputs = shape.Outputs };
        Rows.Run(device, exact, (long)shape.Rows * ExactMasses.ItemsPerRow, shape.Inputs, workPerRow: 1);
        return units;
    }

    // Lanes must not cross the end of the bias: where they would, it is written out for all units.
    private static (ArrayView<float> Bias, long Period) Repeated(RuleContext context, ArrayView<float> bias, LinearShape shape, ArrayView<float> value)
    {
        if (!bias.IsValid)
            return (value, 0);
        if (shape.Outputs % Direct.Widest == 0)
            return (bias, shape.Outputs);
        ArrayView<float> all = context.Scratch((long)shape.Rows * shape.Outputs);
        StridedMap.Broadcast([shape.Rows, shape.Outputs], [shape.Outputs]).Run(context.Device, bias, all, StridedSum.Plain);
        return (all, all.Length);
    }
}
