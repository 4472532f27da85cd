using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The contrastive rule of an attention, block of queries by block of queries as <see cref="AttentionPass"/>. O = A·V has two quadrants, as
/// weights are not negative, S = Q·Kᵀ has four.
/// </summary>
internal sealed class ContrastiveAttention
{
    private readonly StreamPair pair;
    private readonly RuleContext context;
    private readonly AttentionShape shape;
    private readonly AttentionBlocks blocks;
    private readonly AttentionOperands operands;
    private readonly ArrayView<float> weights;
    private readonly UnitMasses outputs;
    private readonly UnitMasses scores;
    private readonly ArrayView<float>[] arriving;
    private readonly ArrayView<float>[] toWeights;
    private readonly ArrayView<float>[] dropped;
    private readonly ArrayView<float> sums;
    private readonly SideSums queries;
    private readonly SideSums keys;
    private readonly SideSums values;

    public ContrastiveAttention(StreamPair pair, Attention operation)
    {
        this.pair = pair;
        context = pair.Supporting;
        shape = operation.Shape;
        blocks = new AttentionBlocks(operation, context.Device);
        operands = new AttentionOperands(context, operation, blocks);
        long entries = (long)blocks.Pairs * blocks.Rows * shape.ValueWidth;
        weights = context.Scratch(blocks.Weights);
        outputs = new UnitMasses(context, entries);
        scores = new UnitMasses(context, blocks.Weights);
        arriving = [context.Scratch(entries), context.Scratch(entries)];
        toWeights = [context.Scratch(blocks.Weights), context.Scratch(blocks.Weights)];
        dropped = [context.Scratch(shape.Pairs), context.Scratch(shape.Pairs)];
        sums = context.Scratch(RowSums.ScratchLength(blocks.Pairs, (long)blocks.Rows * Math.Max(shape.Keys, shape.ValueWidth)));
        (queries, keys, values) = (new SideSums(pair, 0), new SideSums(pair, 1), new SideSums(pair, 2));
    }

    public void Run()
    {
        foreach (ArrayView<float> sum in dropped)
            context.Device.Run(new Fill { Target = sum, Value = 0 }, sum.Length);
        keys.Clear();
        values.Clear();
        foreach (AttentionBlock block in blocks.All())
        {
            operands.Weights(block, weights);
            Outputs(block);
            Scores(block);
        }

        queries.Give(0.5f);
        keys.Give(0.5f);
        values.Give(0.5f);
        pair.Supporting.Keep(LedgerEntry.Dropped, new ValueTerm { Values = dropped[0] }, dropped[0].Length);
        pair.Opposing.Keep(LedgerEntry.Dropped, new ValueTerm { Values = dropped[1] }, dropped[1].Length);
    }

    private void Outputs(AttentionBlock block)
    {
        long rows = (long)block.Pairs * block.Rows, units = rows * shape.ValueWidth;
        Operand a = Operand.Of(weights.SubView(0, rows * block.Keys));
        ArrayView<float> v = operands.Values(block);
        ProductShape forward = operands.Products.Outputs(block);
        Multiply(forward, a, Operand.Positive(v), outputs.P(units));
        Multiply(forward, a, Operand.Negative(v), outputs.N(units));
        operands.CopyRelevance(pair.Supporting.Relevance().Values, block, arriving[0]);
        operands.CopyRelevance(pair.Opposing.Relevance().Values, block, arriving[1]);
        Share(outputs, arriving, block, units);

        ProductShape toA = operands.Products.ToWeights(block), toV = operands.Products.ToValues(block);
        for (int s = 0; s < 2; s++)
        {
            Operand ofP = Operand.Of(outputs.ToP(s, units)), ofN = Operand.Of(outputs.ToN(s, units));
            ArrayView<float> target = toWeights[s].SubView(0, a.Values.Length);
            Multiply(toA, ofP, Operand.Positive(v), target);
            Multiply(toA with { Accumulates = true }, ofN, Operand.Negative(v), target);
            context.Device.Run(new PartByAbsolute { Activation = a.Values, Values = target, Factor = 0.5f }, target.Length, workPerEntry: 3);
            Multiply(toV, a, ofP, operands.OfValues(values.Positive(s), block));
            Multiply(toV, a, ofN, operands.OfValues(values.Negative(s), block));
        }
    }

    private void Scores(AttentionBlock block)
    {
        long units = (long)block.Pairs * block.Rows * block.Keys;
        ArrayView<float> q = operands.Queries(block), k = operands.Keys(block);
        (Operand Positive, Operand Negative) queryParts = (Operand.Positive(q), Operand.Negative(q)), keyParts = (Operand.Positive(k), Operand.Negative(k));
        ProductShape forward = operands.Products.Scores(block), again = forward with { Accumulates = true };
        Multiply(forward, queryParts.Positive, keyParts.Positive, scores.P(units));
        Multiply(again, queryParts.Negative, keyParts.Negative, scores.P(units));
        Multiply(forward, queryParts.Positive, keyParts.Negative, scores.N(units));
        Multiply(again, queryParts.Negative, keyParts.Positive, scores.N(units));
        Share(scores, toWeights, block, units);

        ProductShape toQ = operands.Products.ToQueries(block), toK = operands.Products.ToKeys(block);
        for (int s = 0; s < 2; s++)
        {
            Operand ofP = Operand.Of(scores.ToP(s, units)), ofN = Operand.Of(scores.ToN(s, units));
            ArrayView<float> positive = operands.OfQueries(queries.Positive(s), block), negative = operands.OfQueries(queries.Negative(s), block);
            Multiply(toQ, ofP, keyParts.Positive, positive);
            Multiply(toQ with { Accumulates = true }, ofN, keyParts.Negative, positive);
            Multiply(toQ, ofP, keyParts.Negative, negative);
            Multiply(toQ with { Accumulates = true }, ofN, keyParts.Positive, negative);
            (positive, negative) = (operands.OfKeys(keys.Positive(s), block), operands.OfKeys(keys.Negative(s), block));
            Multiply(toK, ofP, queryParts.Positive, positive);
            Multiply(toK, ofN, queryParts.Negative, positive);
            Multiply(toK, ofP, queryParts.Negative, negative);
            Multiply(toK, ofN, queryParts.Positive, negative);
        }
    }

    private void Multiply(ProductShape product, Operand a, Operand b, ArrayView<float> target) =>
        context.Contraction.Products(product, a, b, target, default(NoEpilogue));

    private void Share(UnitMasses masses, ArrayView<float>[] relevance, AttentionBlock block, long units)
    {
        context.Device.Run(masses.Shares(relevance[0], relevance[1], units), units, workPerEntry: 9);
        for (int s = 0; s < 2; s++)
        {
            UnservedTerm unserved = new() { Relevance = relevance[s], ToP = masses.ToP(s, units), ToN = masses.ToN(s, units) };
            RowSums.Add(context.Device, unserved, block.Pairs, units / block.Pairs, dropped[s].SubView(block.Pair, block.Pairs), sums);
        }
    }
}
