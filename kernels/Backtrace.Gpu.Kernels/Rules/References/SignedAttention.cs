using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>
/// What both reference implementations compute at an attention, block by block: weights without the mask, and quotients of relevance and values, with their
/// signs. Heads that share a head of the keys add up there.
/// </summary>
internal sealed class SignedAttention
{
    private readonly RuleContext context;
    private readonly AttentionOperands operands;
    private readonly ArrayView<float> weights;
    private readonly ArrayView<float> scores;
    private readonly ArrayView<float> relevance;
    private readonly ArrayView<float> outputs;
    private readonly float epsilon;
    private readonly bool isAdded;

    public SignedAttention(RuleContext context, Attention operation, float epsilon, bool isAdded)
    {
        (this.context, this.epsilon, this.isAdded) = (context, epsilon, isAdded);
        Attention unmasked = operation with { IsCausal = false, Mask = AttentionMask.None };
        Shape = unmasked.Shape;
        Blocks = new AttentionBlocks(unmasked, context.Device);
        operands = new AttentionOperands(context, unmasked, Blocks);
        weights = context.Scratch(Blocks.Weights);
        scores = context.Scratch(Blocks.Weights);
        relevance = context.Scratch((long)Blocks.Pairs * Blocks.Rows * Shape.ValueWidth);
        outputs = context.Scratch(relevance.Length);
        ToQueries = context.Give(0).Values;
        ToKeys = context.Give(1).Values;
        ToValues = context.Give(2).Values;
        foreach (ArrayView<float> sum in new[] { ToKeys, ToValues })
            context.Device.Run(new Fill { Target = sum, Value = 0 }, sum.Length);
    }

    public AttentionShape Shape { get; }

    public AttentionBlocks Blocks { get; }

    public ArrayView<float> ToQueries { get; }

    public ArrayView<float> ToKeys { get; }

    public ArrayView<float> ToValues { get; }

    /// <summary>Quotients of the outputs, [pairs, rows, value width]; computes the weights too.</summary>
    public ArrayView<float> Outputs(AttentionBlock block)
    {
        operands.Weights(block, weights);
        operands.CopyRelevance(context.Relevance().Values, block, relevance);
        ArrayView<float> target = outputs.SubView(0, (long)block.Pairs * block.Rows * Shape.ValueWidth);
        Products(operands.Products.Outputs(block), Weights(block), operands.Values(block), target);
        Divide(relevance, target);
        return target;
    }

    /// <summary>What the quotients hand to the outputs' units, in their place: their sum is what arrived, less what units near 0 keep.</summary>
    public void Return(AttentionBlock block, ArrayView<float> quotients)
    {
        ArrayView<float> values = relevance.SubView(0, quotients.Length);
        Products(operands.Products.Outputs(block), Weights(block), operands.Values(block), values);
        context.Device.Run(new PartByValue { Activation = values, Values = quotients, Factor = 1 }, quotients.Length);
    }

    /// <summary>Hands quotients of the outputs to the values, and returns the relevance of the weights.</summary>
    public void HandOutputs(AttentionBlock block, ArrayView<float> quotients, ArrayView<float> toWeights)
    {
        Products(operands.Products.ToValues(block), Weights(block), quotients, operands.OfValues(ToValues, block));
        Products(operands.Products.ToWeights(block), quotients, operands.Values(block), toWeights);
        context.Device.Run(new PartByValue { Activation = Weights(block), Values = toWeights, Factor = 1 }, toWeights.Length);
    }

    /// <summary>The products q·k of a block, without their scale: [pairs, rows, keys].</summary>
    public ArrayView<float> Scores(AttentionBlock block)
    {
        ArrayView<float> target = scores.SubView(0, (long)block.Pairs * block.Rows * block.Keys);
        Products(operands.Products.Scores(block), operands.Queries(block), operands.Keys(block), target);
        return target;
    }

    /// <summary>values = relevance / (2·values).</summary>
    public void Divide(ArrayView<float> relevance, ArrayView<float> values) =>
        context.Device.RunItems(new SignedQuotient { Relevance = relevance, Values = values, Epsilon = epsilon, IsAdded = isAdded ? 1 : 0 }, values.Length, 2);

    /// <summary>Hands quotients of the scores to queries and keys.</summary>
    public void HandScores(AttentionBlock block, ArrayView<float> quotients)
    {
        Products(operands.Products.ToQueries(block), quotients, operands.Keys(block), operands.OfQueries(ToQueries, block));
        Products(operands.Products.ToKeys(block), quotients, operands.Queries(block), operands.OfKeys(ToKeys, block));
    }

    /// <summary>Multiplies what was handed to an input with its values.</summary>
    public void Finish(int input, ArrayView<float> result) =>
        context.Device.Run(new PartByValue { Activation = context.Input(input).Values, Values = result, Factor = 1 }, result.Length);

    /// <summary>Reports what was lost or gained.</summary>
    public void Close() => context.KeepRemainder(context.Relevance().Values, ToQueries, ToKeys, ToValues);

    private ArrayView<float> Weights(AttentionBlock block) => weights.SubView(0, (long)block.Pairs * block.Rows * block.Keys);

    private void Products(ProductShape shape, ArrayView<float> a, ArrayView<float> b, ArrayView<float> target) =>
        context.Contraction.Products(shape with { IsExact = true }, Operand.Of(a), Operand.Of(b), target, default(NoEpilogue));
}
