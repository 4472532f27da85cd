using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// Bags of rows of a table, summed, averaged or reduced to their maximum. The inputs are the ids [L] and, if there are any, a weight for each
/// id [L]. Parameter <c>rows</c> [L, D]: what each id contributes; for a maximum 1 where it is reached and 0 elsewhere.
/// </summary>
/// <param name="Bags">The bag of each id.</param>
/// <param name="IsDynamic">For each input, whether it depends on the model's input: only those get relevance.</param>
public sealed record EmbeddingBag(IReadOnlyList<int> Bags, IReadOnlyList<bool> IsDynamic) : Operation
{
    /// <inheritdoc/>
    public override string Name => "EmbeddingBag";

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(IsDynamic.Count);
        long[] output = shapes.Outputs[0];
        shapes.Require(output.Length == 2, $"the output is {NodeShapes.Text(output)}, not [bags, width]");
        for (int input = 0; input < IsDynamic.Count; input++)
            shapes.Input(input, Bags.Count);
        shapes.Parameter("rows", Bags.Count, output[1]);
        shapes.Within(Bags.Select(bag => (long)bag), output[0], "the bags");
    }
}

/// <summary>The unit rule for each entry of a bag's sum; an id gets the sum over its row (rules.md, B.9).</summary>
public sealed class EmbeddingBagRule : Rule<EmbeddingBag>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, EmbeddingBag operation)
    {
        DeviceTensor rows = context.Parameter("rows")!.Value;
        AxisTable sums = Sums(context, operation);
        ArrayView<float> relevance = context.Relevance().Values;
        ArrayView<float> coefficients = context.Scratch(relevance.Length), spread = context.Scratch(rows.Length);
        AxisMaps.Apply(context, [(0, sums)], rows.Shape, rows.Values, coefficients, absolute: true);
        context.Divide(relevance, coefficients);
        AxisMaps.Apply(context, [(0, sums.Transposed())], context.OutputShape(), coefficients, spread);
        Hand(context, operation, new ProductTerm { Values = spread, Weights = rows.Values }, rows);
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, EmbeddingBag operation)
    {
        StreamPair pair = new(supporting, opposing);
        DeviceTensor rows = supporting.Parameter("rows")!.Value;
        AxisTable sums = Sums(supporting, operation), back = sums.Transposed();
        (ArrayView<float> toP, ArrayView<float> toN) = pair.Share(Mass(1), Mass(-1));
        foreach ((RuleContext stream, long offset) in new[] { (supporting, 0L), (opposing, pair.Units) })
        {
            JoinSides join = new() { X = rows.Values, Factor = 1, U = Spread(toP.SubView(offset, pair.Units)), V = Spread(toN.SubView(offset, pair.Units)) };
            join.Target = join.U;
            pair.Device.Run(join, rows.Length, workPerEntry: 4);
            Hand(stream, operation, new ValueTerm { Values = join.Target }, rows);
        }

        ArrayView<float> Mass(float sign)
        {
            ArrayView<float> side = supporting.Scratch(rows.Length), mass = supporting.Scratch(pair.Units);
            pair.Device.Run(new CopySide { Source = rows.Values, Target = side, Sign = sign }, rows.Length, workPerEntry: 2);
            AxisMaps.Apply(supporting, [(0, sums)], rows.Shape, side, mass);
            return mass;
        }

        ArrayView<float> Spread(ArrayView<float> shares)
        {
            ArrayView<float> spread = supporting.Scratch(rows.Length);
            AxisMaps.Apply(supporting, [(0, back)], supporting.OutputShape(), shares, spread);
            return spread;
        }
    }

    private static AxisTable Sums(RuleContext context, EmbeddingBag operation) =>
        new((int)context.OutputShape()[0], operation.Bags.Count, operation.Bags.Select((bag, k) => new AxisEntry(bag, k, 1)));

    // Equal parts to ids and weights, as a product gives them.
    private static void Hand<TTerm>(RuleContext context, EmbeddingBag operation, TTerm term, DeviceTensor rows)
        where TTerm : struct, ITerm
    {
        long count = rows.Shape[0], width = rows.Shape[1];
        ArrayView<float> totals = context.Scratch(count);
        context.Device.Run(new Fill { Target = totals, Value = 0 }, count);
        RowSums.Add(context.Device, term, count, width, totals, context.Scratch(RowSums.ScratchLength(count, width)));
        StridedSum part = new() { Factor = 1f / operation.IsDynamic.Count(d => d) };
        for (int k = 0; k < operation.IsDynamic.Count; k++)
        {
            if (operation.IsDynamic[k])
                StridedMap.Broadcast([count], [count]).Run(context.Device, totals, context.Give(k).Values, part);
        }
    }
}
