using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>The default rule of an attention for one stream of relevance: seven products per block of queries.</summary>
internal sealed class AttentionPass
{
    private readonly RuleContext context;
    private readonly AttentionBlocks blocks;
    private readonly AttentionOperands operands;
    private readonly ArrayView<float> weights;
    private readonly ArrayView<float> toWeights;
    private readonly ArrayView<float> scores;
    private readonly ArrayView<float> relevance;
    private readonly ArrayView<float> outputs;
    private readonly ArrayView<float> dropped;
    private readonly ArrayView<float> sums;
    private readonly ArrayView<float> toQueries;
    private readonly ArrayView<float> toKeys;
    private readonly ArrayView<float> toValues;

    public AttentionPass(RuleContext context, Attention operation)
    {
        this.context = context;
        AttentionShape shape = operation.Shape;
        blocks = new AttentionBlocks(operation, context.Device);
        operands = new AttentionOperands(context, operation, blocks);
        weights = context.Scratch(blocks.Weights);
        toWeights = context.Scratch(blocks.Weights);
        scores = context.Scratch(blocks.Weights);
        long entries = (long)blocks.Pairs * blocks.Rows * shape.ValueWidth;
        relevance = context.Scratch(entries);
        outputs = context.Scratch(entries);
        dropped = context.Scratch(shape.Pairs);
        sums = context.Scratch(RowSums.ScratchLength(blocks.Pairs, (long)blocks.Rows * Math.Max(shape.Keys, shape.ValueWidth)));
        toQueries = context.Give(0).Values;
        toKeys = context.Give(1).Values;
        toValues = context.Give(2).Values;
    }

    public void Run()
    {
        foreach (ArrayView<float> sum in new[] { toKeys, toValues, dropped })
            context.Device.Run(new Fill { Target = sum, Value = 0 }, sum.Length);
        foreach (AttentionBlock block in blocks.All())
        {
            operands.Weights(block, weights);
            Outputs(block);
            Scores(block);
        }

        Share(context.Input(0), toQueries);
        Share(context.Input(1), toKeys);
        Share(context.Input(2), toValues);
        context.Keep(LedgerEntry.Dropped, new ValueTerm { Values = dropped }, dropped.Length);
    }

    // O = A·V: hands the relevance of the outputs to the weights and the values.
    private void Outputs(AttentionBlock block)
    {
        IContraction contraction = context.Contraction;
        long perPair = (long)block.Rows * operands.Shape.ValueWidth;
        Operand a = Operand.Of(weights.SubView(0, (long)block.Pairs * block.Rows * block.Keys));
        Operand v = Operand.Abs(operands.Values(block));
        ArrayView<float> coefficients = outputs.SubView(0, block.Pairs * perPair);
        operands.CopyRelevance(context.Relevance().Values, block, relevance);
        contraction.Products(operands.Products.Outputs(block), a, v, coefficients, default(NoEpilogue));
        Divide(relevance, coefficients, block, perPair);
        ArrayView<float> part = toWeights.SubView(0, a.Values.Length);
        PartByAbsolute half = new() { Activation = a.Values, Values = part, Factor = 0.5f };
        contraction.Products(operands.Products.ToWeights(block), Operand.Of(coefficients), v, part, half);
        contraction.Products(operands.Products.ToValues(block), a, Operand.Of(coefficients), operands.OfValues(toValues, block), default(NoEpilogue));
    }

    // S = Q·Kᵀ: hands the relevance of the weights, which is that of the scores, to queries and keys.
    private void Scores(AttentionBlock block)
    {
        IContraction contraction = context.Contraction;
        long perPair = (long)block.Rows * block.Keys;
        Operand q = Operand.Abs(operands.Queries(block)), k = Operand.Abs(operands.Keys(block));
        ArrayView<float> coefficients = scores.SubView(0, block.Pairs * perPair);
        contraction.Products(operands.Products.Scores(block), q, k, coefficients, default(NoEpilogue));
        Divide(toWeights, coefficients, block, perPair);
        contraction.Products(operands.Products.ToQueries(block), Operand.Of(coefficients), k, operands.OfQueries(toQueries, block), default(NoEpilogue));
        contraction.Products(operands.Products.ToKeys(block), Operand.Of(coefficients), q, operands.OfKeys(toKeys, block), default(NoEpilogue));
    }

    private void Divide(ArrayView<float> relevance, ArrayView<float> denominators, AttentionBlock block, long length) =>
        RowSums.Add(
            context.Device, new QuotientTerm { Relevance = relevance, Denominator = denominators },
            block.Pairs, length, dropped.SubView(block.Pair, block.Pairs), sums);

    private void Share(DeviceTensor input, ArrayView<float> sum) =>
        context.Device.Run(new PartByAbsolute { Activation = input.Values, Values = sum, Factor = 0.5f }, sum.Length);
}
