using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using ILGPU;
using Tables = System.Collections.Generic.List<(int Axis, Backtrace.Gpu.Kernels.Indexing.AxisTable Table)>;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Interpolation over the trailing axes, to larger or smaller sizes (without antialiasing).</summary>
/// <param name="Mode">Kind of interpolation.</param>
/// <param name="AlignCorners">The corners of both grids coincide (linear and cubic).</param>
/// <param name="Factors">One per spatial axis: the scale factor that torch computes with, or null where it follows from the sizes.</param>
public sealed record Upsample(UpsampleMode Mode, bool AlignCorners, IReadOnlyList<double?> Factors) : Operation
{
    /// <inheritdoc/>
    public override string Name => "Upsample";

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => !IsCopy;

    /// <summary>True if every output entry is a copy of an input entry.</summary>
    internal bool IsCopy => Mode is UpsampleMode.Nearest or UpsampleMode.NearestExact;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1);
        long[] input = shapes.Inputs[0], output = shapes.Outputs[0];
        int kept = input.Length - Factors.Count;
        shapes.Require(kept >= 0 && output.Length == input.Length && input.AsSpan(0, kept).SequenceEqual(output.AsSpan(0, kept)) && input.Concat(output).Skip(kept).All(size => size > 0),
            $"{NodeShapes.Text(input)} cannot become {NodeShapes.Text(output)} along {Counted.Of(Factors.Count, "axis", "axes")}");
    }
}

/// <summary>
/// Nearest: each entry gets the sum of its copies. Otherwise the rule of the linear map that interpolation is: D = |W||x|,
/// R_in = |x| · |W|ᵀ(R / D), one axis after the other.
/// </summary>
public sealed class UpsampleRule : Rule<Upsample>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Upsample operation)
    {
        Tables absolute = [.. TablesOf(context, operation).Select(t => (t.Axis, t.Table.Absolute()))];
        ArrayView<float> relevance = context.Relevance().Values;
        ArrayView<float> result = context.Give(0).Values;
        if (operation.IsCopy)
        {
            Backward(context, absolute, relevance, result);
            return;
        }

        ArrayView<float> x = context.Input(0).Values;
        ArrayView<float> coefficients = context.Scratch(relevance.Length);
        AxisMaps.Apply(context, absolute, context.InputShape(0), x, coefficients, absolute: true);
        context.Divide(relevance, coefficients);
        Backward(context, absolute, coefficients, result);
        context.Device.Run(new ScaleByAbsolute { Activation = x, Values = result }, result.Length);
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, Upsample operation)
    {
        StreamPair pair = new(supporting, opposing);
        if (operation.IsCopy || (pair.HasOneSign && operation.Mode != UpsampleMode.Cubic))
            pair.Each(context => Apply(context, operation));
        else
            LinearMaps.Apply(pair, [.. Signed(TablesOf(supporting, operation)).Select(t => ToMap(supporting, t.IsNegative, t.Tables))]);
    }

    internal static Tables TablesOf(RuleContext context, Upsample operation)
    {
        long[] input = context.InputShape(0), output = context.OutputShape();
        Tables tables = [];
        for (int k = 0; k < operation.Factors.Count; k++)
        {
            int axis = input.Length - operation.Factors.Count + k;
            tables.Add((axis, Interpolation.Table(operation.Mode, (int)input[axis], (int)output[axis], operation.AlignCorners, operation.Factors[k])));
        }

        return tables;
    }

    internal static void Backward(RuleContext context, Tables forward, ArrayView<float> source, ArrayView<float> target) =>
        AxisMaps.Apply(context, [.. forward.Select(t => (t.Axis, t.Table.Transposed())).Reverse()], context.OutputShape(), source, target);

    private static SignedMap ToMap(RuleContext context, bool isNegative, Tables tables) =>
        new(isNegative, (x, y) => AxisMaps.Apply(context, tables, context.InputShape(0), x, y), (y, x) => Backward(context, tables, y, x));

    // The product of signed matrices as a sum of products of their positive and negative parts. Only cubic weights have negative ones.
    private static List<(bool IsNegative, Tables Tables)> Signed(Tables tables)
    {
        List<(bool IsNegative, Tables Tables)> products = [(false, [])];
        foreach ((int axis, AxisTable table) in tables)
        {
            AxisTable positive = table.Side(1), negative = table.Side(-1);
            List<(bool IsNegative, Tables Tables)> longer = [];
            foreach ((bool isNegative, Tables before) in products)
            {
                longer.Add((isNegative, [.. before, (axis, positive)]));
                if (negative.Entries > 0)
                    longer.Add((!isNegative, [.. before, (axis, negative)]));
            }

            products = longer;
        }

        return products;
    }
}
