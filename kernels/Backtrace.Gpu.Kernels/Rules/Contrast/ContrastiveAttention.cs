using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The contrastive rule of an attention, block of queries by block of queries as <see cref="AttentionPass"/>. O = A·V has two quadrants, as
/// weights are not negative. S = Q·Kᵀ has the form of wide dense layers (rules.md, E.1, E.2).
/// </summary>
internal sealed class ContrastiveAttention
{
    // What weights and values, and then queries and keys, get of every share.
    private const float Half = 0.5f;

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
    private readonly ArrayView<float> products;
    private readonly ArrayView<float> list;
    private readonly SignedSums queries;
    private readonly SignedSums keys;
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
        products = context.Scratch(blocks.Weights);
        list = context.Scratch((long)blocks.Pairs * blocks.Rows * (shape.Keys + 1));
        (queries, keys, values) = (Sums(0), Sums(1), new SideSums(pair, 2));
    }

    public void Run()
    {
        foreach (ArrayView<float> sum in dropped)
            context.Device.Run(new Fill { Target = sum, Value = 0 }, sum.Length);
        keys.Clear();
        values.Clear();
        foreach (AttentionBlock block in blocks.All())
        {
            long units = (long)block.Pairs * block.Rows * block.Keys;
            operands.Scores(block, products);
            context.Device.Run(new Copy { Source = products, Target = weights }, units);
            operands.Softmax(block, weights);
            Outputs(block);
            Scores(block, units);
        }

        queries.Finish(Half);
        keys.Finish(Half);
        values.Give(Half);
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
            context.Device.Run(new PartByAbsolute { Activation = a.Values, Values = target, Factor = Half }, target.Length, workPerEntry: 3);
            Multiply(toV, a, ofP, operands.OfValues(values.Positive(s), block));
            Multiply(toV, a, ofN, operands.OfValues(values.Negative(s), block));
        }
    }

    private void Scores(AttentionBlock block, long units)
    {
        Device device = context.Device;
        long rows = (long)block.Pairs * block.Rows;
        ArrayView<float> q = operands.Queries(block), k = operands.Keys(block), value = products.SubView(0, units);
        LinearUnits masses = new(scores.P(units), scores.N(units), list.SubView(0, rows * (block.Keys + 1)));
        UnitOperands terms = new()
        {
            X = q,
            W = k,
            Rows = block.Rows,
            Outputs = block.Keys,
            Inputs = shape.Width,
            StrideX = (long)shape.Rows * shape.Width,
            StrideW = (long)shape.Keys * shape.Width,
        };
        LinearUnits.OfProduct(context, operands.Products.Scores(block), terms, value, masses);
        SignedShares shares = scores.Signed(value, toWeights[0], toWeights[1], units);
        device.Run(shares, units, workPerEntry: 9);
        for (int s = 0; s < 2; s++)
        {
            ArrayView<float> alpha = shares.Alpha.SubView(s * units, units);
            Drop(new UnservedTerm { Relevance = toWeights[s], ToP = alpha, ToN = alpha }, s, block, units);
        }

        ListedUnits listed = new() { Operands = terms, List = masses.List, Shares = shares, Part = Half };
        device.RunItems(new WithoutListed { Units = listed }, rows, 4);
        UnbalancedRelevance.Run(device, listed, rows, operands.OfQueries(queries.Supporting, block), operands.OfQueries(queries.Opposing, block));
        UnbalancedWeights.Run(device, listed, block.Pairs, operands.OfKeys(keys.Supporting, block), operands.OfKeys(keys.Opposing, block));
        ProductShape toQ = operands.Products.ToQueries(block), toK = operands.Products.ToKeys(block);
        for (int s = 0; s < 2; s++)
        {
            Operand alpha = Operand.Of(shares.Alpha.SubView(s * units, units)), beta = Operand.Of(shares.Beta.SubView(s * units, units));
            Multiply(toQ, alpha, Operand.Abs(k), operands.OfQueries(queries.Absolute(s), block));
            Multiply(toQ, beta, Operand.Of(k), operands.OfQueries(queries.Signed(s), block));
            Multiply(toK, alpha, Operand.Abs(q), operands.OfKeys(keys.Absolute(s), block));
            Multiply(toK, beta, Operand.Of(q), operands.OfKeys(keys.Signed(s), block));
        }
    }

    private void Multiply(ProductShape product, Operand a, Operand b, ArrayView<float> target) =>
        context.Contraction.Products(product, a, b, target, default(NoEpilogue));

    private void Share(UnitMasses masses, ArrayView<float>[] relevance, AttentionBlock block, long units)
    {
        context.Device.Run(masses.Shares(relevance[0], relevance[1], units), units, workPerEntry: 9);
        for (int s = 0; s < 2; s++)
            Drop(new UnservedTerm { Relevance = relevance[s], ToP = masses.ToP(s, units), ToN = masses.ToN(s, units) }, s, block, units);
    }

    private void Drop(UnservedTerm unserved, int stream, AttentionBlock block, long units) =>
        RowSums.Add(context.Device, unserved, block.Pairs, units / block.Pairs, dropped[stream].SubView(block.Pair, block.Pairs), sums);

    private SignedSums Sums(int index) => new(pair, context.Input(index).Values, pair.Supporting.Give(index).Values, pair.Opposing.Give(index).Values);
}
