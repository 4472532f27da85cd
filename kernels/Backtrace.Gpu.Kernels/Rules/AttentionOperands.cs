using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>The operands of an attention, seen from a block, and its weights.</summary>
internal sealed class AttentionOperands(RuleContext context, Attention operation, AttentionBlocks blocks)
{
    private readonly ArrayView<float> lanes = context.Scratch((long)blocks.Pairs * blocks.Rows * AttentionWeights<Scalar>.Lanes);
    private readonly AttentionMaskLayout layout = AttentionMaskLayout.Of(operation, operation.Mask == AttentionMask.None ? [] : context.InputShape(3));

    public AttentionShape Shape => operation.Shape;

    public AttentionProducts Products { get; } = new(operation.Shape);

    /// <summary>The queries from a block's first on.</summary>
    public ArrayView<float> Queries(AttentionBlock block) => OfQueries(context.Input(0).Values, block);

    /// <summary>The keys of a block.</summary>
    public ArrayView<float> Keys(AttentionBlock block) => OfKeys(context.Input(1).Values, block);

    /// <summary>The values of a block.</summary>
    public ArrayView<float> Values(AttentionBlock block) => OfValues(context.Input(2).Values, block);

    /// <summary>An array like the queries, from a block's first row on.</summary>
    public ArrayView<float> OfQueries(ArrayView<float> all, AttentionBlock block) => all.SubView((((long)block.Pair * Shape.Rows) + block.Row) * Shape.Width);

    /// <summary>An array like the keys, from a block's first pair on.</summary>
    public ArrayView<float> OfKeys(ArrayView<float> all, AttentionBlock block) => all.SubView((long)block.Pair * Shape.Keys * Shape.Width);

    /// <summary>An array like the values, from a block's first pair on.</summary>
    public ArrayView<float> OfValues(ArrayView<float> all, AttentionBlock block) => all.SubView((long)block.Pair * Shape.Keys * Shape.ValueWidth);

    /// <summary>Copies what belongs to a block from an array like the output, rows side by side.</summary>
    public void CopyRelevance(ArrayView<float> all, AttentionBlock block, ArrayView<float> target)
    {
        long width = Shape.ValueWidth, part = block.Rows * width, whole = Shape.Rows * width;
        StridedMap map = new([new StrideAxis(block.Pairs, part, whole), new StrideAxis(part, 1, 1)], 0, (block.Pair * whole) + (block.Row * width));
        map.Write(context.Device, all, target, StridedSum.Plain);
    }

    /// <summary>The weights of a block as in the forward pass, [Pairs, Rows, Keys].</summary>
    public void Weights(AttentionBlock block, ArrayView<float> target)
    {
        Scores(block, target);
        Softmax(block, target);
    }

    /// <summary>The products q·k of a block, [Pairs, Rows, Keys].</summary>
    public void Scores(AttentionBlock block, ArrayView<float> target)
    {
        target = target.SubView(0, (long)block.Pairs * block.Rows * block.Keys);
        context.Contraction.Products(Products.Scores(block) with { IsExact = true }, Operand.Of(Queries(block)), Operand.Of(Keys(block)), target, default(NoEpilogue));
    }

    /// <summary>Turns the products of a block into its weights, in place.</summary>
    public void Softmax(AttentionBlock block, ArrayView<float> scores)
    {
        Device device = context.Device;
        AttentionScores masked = Masked(block, scores.SubView(0, (long)block.Pairs * block.Rows * block.Keys));
        long rows = (long)block.Pairs * block.Rows;
        if (Rows.AreShared(device, rows, block.Keys))
            Rows.RunGroups(device, new GroupedAttentionWeights { Scores = masked }, rows, block.Keys);
        else if (device.IsDirect)
            device.RunItems(new AttentionWeights<Simd> { Scores = masked, Scratch = lanes }, rows, 8L * block.Keys);
        else
            device.RunItems(new AttentionWeights<Octet> { Scores = masked, Scratch = lanes }, rows);
    }

    /// <summary>What the softmax of a block reads: products, scaled and masked.</summary>
    public void ScaleAndMask(AttentionBlock block, ArrayView<float> scores, ArrayView<float> target) =>
        Rows.Run(context.Device, new MaskedScores { Scores = Masked(block, scores), Target = target }, (long)block.Pairs * block.Rows, block.Keys, 2L * block.Keys);

    private AttentionScores Masked(AttentionBlock block, ArrayView<float> products) => new()
    {
        Products = products,
        Mask = operation.Mask == AttentionMask.None ? products : context.Input(3).Values,
        Layout = layout,
        FirstPair = block.Pair,
        FirstRow = block.Row,
        Rows = block.Rows,
        Keys = block.Keys,
        Queries = Shape.Queries,
        Scale = operation.Scale,
        IsCausal = operation.IsCausal ? 1 : 0,
    };
}
