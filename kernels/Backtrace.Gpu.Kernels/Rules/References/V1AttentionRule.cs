using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>
/// Attention as in the first implementation (rules.md, C.8), as far as it concerns this operator: weights without the mask; half of the outputs' relevance
/// goes to a sample's values in proportion to |v| and half to its scores in proportion to |q·k|, over all heads and tokens at once and with the limits of
/// softmax tested on the sum of all scores; then by signed quotients to queries and keys. Not in reach of one operator: the global split at the output
/// projection, biases of the projections, and that their weights are left out; here projections are dense layers with their own rule. Contrastive
/// mode is canonical.
/// </summary>
public sealed class V1AttentionRule : Rule<Attention>
{
    private const float Epsilon = 1e-6f;

    private static readonly AttentionRule Canonical = new();

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Attention operation)
    {
        SignedAttention attention = new(context, operation, Epsilon, isAdded: true);
        GlobalShares shares = Shares(context, attention);
        AttentionShape shape = attention.Shape;
        ArrayView<float> toScores = context.Scratch(attention.Blocks.Weights);
        foreach (AttentionBlock block in attention.Blocks.All())
        {
            ArrayView<float> scores = attention.Scores(block), relevance = toScores.SubView(0, scores.Length);
            ShareOfScores share = new()
            {
                Scores = scores,
                Target = relevance,
                ToPositive = shares.ToPositive,
                ToNegative = shares.ToNegative,
                Length = scores.Length / block.Pairs,
                FirstPair = block.Pair,
                Heads = shape.KeyHeads,
            };
            context.Device.RunItems(share, scores.Length, 2);
            attention.Divide(relevance, scores);
            attention.HandScores(block, scores);
        }

        attention.Finish(0, attention.ToQueries);
        attention.Finish(1, attention.ToKeys);
        ArrayView<float> values = context.Input(2).Values;
        context.Device.RunItems(new AbsoluteByRow { Source = values, Factor = shares.ToValues, Target = attention.ToValues, Length = values.Length / shape.Samples }, values.Length, 1);
        attention.Close();
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, Attention operation) => Canonical.ApplyContrastive(supporting, opposing);

    private static GlobalShares Shares(RuleContext context, SignedAttention attention)
    {
        AttentionShape shape = attention.Shape;
        long ofValues = (long)shape.Keys * shape.ValueWidth, longest = Math.Max(ofValues, (long)attention.Blocks.Rows * Math.Max(shape.Keys, shape.ValueWidth));
        ArrayView<float> scratch = context.Scratch(RowSums.ScratchLength(shape.Pairs, longest));
        GlobalShares shares = new()
        {
            Arrived = Sums(),
            ValueMass = Sums(),
            Score = Sums(),
            ScoreMass = Sums(),
            Heads = shape.KeyHeads,
            ToValues = context.Scratch(shape.Samples),
            ToPositive = context.Scratch(shape.Samples),
            ToNegative = context.Scratch(shape.Samples),
        };
        RowSums.Add(context.Device, new AbsoluteTerm { Values = context.Input(2).Values }, shape.Pairs, ofValues, shares.ValueMass, scratch);
        foreach (AttentionBlock block in attention.Blocks.All())
        {
            ArrayView<float> outputs = attention.Outputs(block), scores = attention.Scores(block);
            attention.Return(block, outputs);
            Add(new ValueTerm { Values = outputs }, outputs, shares.Arrived, block);
            Add(new ValueTerm { Values = scores }, scores, shares.Score, block);
            Add(new AbsoluteTerm { Values = scores }, scores, shares.ScoreMass, block);
        }

        context.Device.RunItems(shares, shape.Samples, 8L * shape.KeyHeads);
        return shares;

        ArrayView<float> Sums()
        {
            ArrayView<float> sums = context.Scratch(shape.Pairs);
            context.Device.Run(new Fill { Target = sums, Value = 0 }, sums.Length);
            return sums;
        }

        void Add<TTerm>(TTerm term, ArrayView<float> values, ArrayView<float> sums, AttentionBlock block)
            where TTerm : struct, ITerm =>
            RowSums.Add(context.Device, term, block.Pairs, values.Length / block.Pairs, sums.SubView(block.Pair, block.Pairs), scratch);
    }
}
