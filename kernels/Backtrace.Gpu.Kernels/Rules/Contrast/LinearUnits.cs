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
    private const int ItemsPerRow = 16;
    private const int EnoughRows = 64;

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
        SumListed(device, UnitOperands.Of(shape, x, weight), shape.Rows, units);
        return units;
    }

    /// <summary>The same of the units of a matrix product of two tensors, which have no bias.</summary>
    /// <param name="context">The node.</param>
    /// <param name="product">Sizes; the second operand lies transposed.</param>
    /// <param name="operands">Both operands.</param>
    /// <param name="value">The product.</param>
    /// <param name="units">Memory for masses and list, to be written.</param>
    public static void OfProduct(RuleContext context, ProductShape product, UnitOperands operands, ArrayView<float> value, LinearUnits units)
    {
        LinearMasses differences = new() { Value = value, Bias = value, P = units.P, N = units.N };
        context.Contraction.Products(product with { IsExact = true }, Operand.Abs(operands.X), Operand.Abs(operands.W), units.P, differences);
        SumListed(context.Device, operands, (long)product.Batch * product.Rows, units);
    }

    /// <summary>Lists the units of which one mass is small, and sums their masses term by term.</summary>
    /// <param name="device">Where.</param>
    /// <param name="operands">What the units are sums of.</param>
    /// <param name="rows">Rows of all matrices.</param>
    /// <param name="units">Masses of all units; the list to be written.</param>
    private static void SumListed(Device device, UnitOperands operands, long rows, LinearUnits units)
    {
        Rows.Run(device, new UnbalancedUnits { N = units.N, List = units.List, Outputs = operands.Outputs }, rows, operands.Outputs, operands.Outputs);
        if (device.IsDirect)
            Sum<Simd>(device, operands, rows, units);
        else
            Sum<Octet>(device, operands, rows, units);
    }

    private static void Sum<TLane>(Device device, UnitOperands operands, long rows, LinearUnits units)
        where TLane : struct, ILane<TLane>
    {
        // A processor has fewer threads than there are rows; a row may have many listed units.
        int perRow = device.IsProcessor && rows >= EnoughRows ? 1 : ItemsPerRow;
        ExactMasses<TLane> exact = new() { Operands = operands, List = units.List, P = units.P, N = units.N, ItemsPerRow = perRow };
        Rows.Run(device, exact, rows * perRow, operands.Inputs, operands.Inputs / perRow);
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
