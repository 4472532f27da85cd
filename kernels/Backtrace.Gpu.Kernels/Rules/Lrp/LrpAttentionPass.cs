using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>LRP of an attention for one stream of relevance, in the blocks of <see cref="AttentionPass"/>: as many products, with signs.</summary>
internal sealed class LrpAttentionPass
{
    private readonly RuleContext context;
    private readonly float epsilon;
    private readonly bool decomposesSoftmax;
    private readonly AttentionBlocks blocks;
    private readonly AttentionOperands operands;
    private readonly ArrayView<float> weights;
    private readonly ArrayView<float> toWeights;
    private readonly ArrayView<float> scores;
    private readonly ArrayView<float> masked;
    private readonly ArrayView<float> rests;
    private readonly ArrayView<float> relevance;
    private readonly ArrayView<float> outputs;
    private readonly ArrayView<float> quotients;
    private readonly ArrayView<float> dropped;
    private readonly ArrayView<float> kept;
    private readonly ArrayView<float> sums;
    private readonly ArrayView<float> toQueries;
    private readonly ArrayView<float> toKeys;
    private readonly ArrayView<float> toValues;

    public LrpAttentionPass(RuleContext context, Attention operation, float epsilon, bool decomposesSoftmax)
    {
        this.context = context;
        this.epsilon = epsilon;
        this.decomposesSoftmax = decomposesSoftmax;
        AttentionShape shape = operation.Shape;
        blocks = new AttentionBlocks(operation, context.Device);
        operands = new AttentionOperands(context, operation, blocks);
        weights = context.Scratch(blocks.Weights);
        toWeights = context.Scratch(blocks.Weights);
        scores = context.Scratch(blocks.Weights);
        masked = context.Scratch(blocks.Weights);
        rests = context.Scratch((long)blocks.Pairs * blocks.Rows);
        long entries = (long)blocks.Pairs * blocks.Rows * shape.ValueWidth;
        relevance = context.Scratch(entries);
        outputs = context.Scratch(entries);
        quotients = context.Scratch(entries);
        dropped = context.Scratch(shape.Pairs);
        kept = context.Scratch(shape.Pairs);
        sums = context.Scratch(RowSums.ScratchLength(blocks.Pairs, (long)blocks.Rows * Math.Max(shape.Keys, shape.ValueWidth)));
        toQueries = context.Give(0).Values;
        toKeys = context.Give(1).Values;
        toValues = context.Give(2).Values;
    }

    public void Run()
    {
        foreach (ArrayView<float> sum in new[] { toKeys, toValues, dropped, kept })
            context.Device.Run(new Fill { Target = sum, Value = 0 }, sum.Length);
        foreach (AttentionBlock block in blocks.All())
        {
            long length = (long)block.Pairs * block.Rows * block.Keys;
            operands.Scores(block, scores);
            context.Device.Run(new Copy { Source = scores, Target = weights }, length);
            operands.Softmax(block, weights);
            Outputs(block);
            if (decomposesSoftmax)
                Softmax(block);
            Scores(block);
        }

        Share(context.Input(0), toQueries);
        Share(context.Input(1), toKeys);
        Share(context.Input(2), toValues);
        context.Keep(LedgerEntry.Dropped, new ValueTerm { Values = dropped }, dropped.Length);
        if (decomposesSoftmax)
            context.Keep(LedgerEntry.Bias, new ValueTerm { Values = kept }, kept.Length);
    }

    // O = A·V: hands the relevance of the outputs to the weights and the values, in halves.
    private void Outputs(AttentionBlock block)
    {
        IContraction contraction = context.Contraction;
        long perPair = (long)block.Rows * operands.Shape.ValueWidth;
        Operand a = Operand.Of(weights.SubView(0, (long)block.Pairs * block.Rows * block.Keys)), v = Operand.Of(operands.Values(block));
        ArrayView<float> values = outputs.SubView(0, block.Pairs * perPair), coefficients = quotients.SubView(0, values.Length);
        operands.CopyRelevance(context.Relevance().Values, block, relevance);
        contraction.Products(operands.Products.Outputs(block), a, v, values, default(NoEpilogue));
        Divide(relevance, values, coefficients, block, perPair);
        ArrayView<float> part = toWeights.SubView(0, a.Values.Length);
        PartByValue half = new() { Activation = a.Values, Values = part, Factor = 0.5f };
        contraction.Products(operands.Products.ToWeights(block), Operand.Of(coefficients), v, part, half);
        contraction.Products(operands.Products.ToValues(block), a, Operand.Of(coefficients), operands.OfValues(toValues, block), default(NoEpilogue));
    }

    // A = softmax(x): what the weights got goes to the scores, in place, and the rest stays.
    private void Softmax(AttentionBlock block)
    {
        operands.ScaleAndMask(block, scores, masked);
        SoftmaxRelevance kernel = new() { X = masked, Weights = weights, Relevance = toWeights, Target = toWeights, Rest = rests, Length = block.Keys, Inner = 1 };
        Rows.Run(context.Device, kernel, (long)block.Pairs * block.Rows, block.Keys, 4L * block.Keys);
        RowSums.Add(context.Device, new ValueTerm { Values = rests }, block.Pairs, block.Rows, kept.SubView(block.Pair, block.Pairs), sums);
    }

    // S = Q·Kᵀ: hands the relevance of the scores to queries and keys, in halves. The weights are no longer needed.
    private void Scores(AttentionBlock block)
    {
        IContraction contraction = context.Contraction;
        long perPair = (long)block.Rows * block.Keys;
        ArrayView<float> values = weights.SubView(0, block.Pairs * perPair);
        Divide(toWeights, scores, values, block, perPair);
        Operand coefficients = Operand.Of(values);
        contraction.Products(operands.Products.ToQueries(block), coefficients, Operand.Of(operands.Keys(block)), operands.OfQueries(toQueries, block), default(NoEpilogue));
        contraction.Products(operands.Products.ToKeys(block), coefficients, Operand.Of(operands.Queries(block)), operands.OfKeys(toKeys, block), default(NoEpilogue));
    }

    // Halves of R / (y ± ε/2) are R / (2y ± ε).
    private void Divide(ArrayView<float> relevance, ArrayView<float> values, ArrayView<float> coefficients, AttentionBlock block, long length)
    {
        context.Device.Run(
            new StabilisedQuotient { Relevance = relevance, Value = values, Target = coefficients, Epsilon = 0.5f * epsilon }, block.Pairs * length, workPerEntry: 3);
        RowSums.Add(
            context.Device, new RemainderTerm { Relevance = relevance, Coefficient = coefficients, Value = values },
            block.Pairs, length, dropped.SubView(block.Pair, block.Pairs), sums);
    }

    private void Share(DeviceTensor input, ArrayView<float> sum) =>
        context.Device.Run(new PartByValue { Activation = input.Values, Values = sum, Factor = 0.5f }, sum.Length, workPerEntry: 3);
}
