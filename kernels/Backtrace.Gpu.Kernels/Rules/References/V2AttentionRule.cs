using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>
/// Attention as in the second implementation (rules.md, C.8): halves by signed quotients, which amplify where outputs or scores are near 0, and weights
/// without the mask, so a causal model gets relevance from the future. Contrastive mode, which that implementation lacks, is canonical.
/// </summary>
/// <param name="conserves">
/// Also the step of its compiled variants (C.9): the relevance of each head's queries, keys and values is shared anew in proportion to |x|, so which token
/// looked at which no longer matters.
/// </param>
public sealed class V2AttentionRule(bool conserves = false) : Rule<Attention>
{
    private const float Epsilon = 1e-9f;

    private static readonly AttentionRule Canonical = new();

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Attention operation)
    {
        SignedAttention attention = new(context, operation, Epsilon, isAdded: false);
        AttentionShape shape = attention.Shape;
        ArrayView<float> toWeights = context.Scratch(attention.Blocks.Weights);
        foreach (AttentionBlock block in attention.Blocks.All())
        {
            ArrayView<float> ofBlock = toWeights.SubView(0, (long)block.Pairs * block.Rows * block.Keys);
            attention.HandOutputs(block, attention.Outputs(block), ofBlock);
            ArrayView<float> scores = attention.Scores(block);
            attention.Divide(ofBlock, scores);
            attention.HandScores(block, scores);
        }

        attention.Finish(0, attention.ToQueries);
        attention.Finish(1, attention.ToKeys);
        attention.Finish(2, attention.ToValues);
        if (conserves)
        {
            Share(context, 0, attention.ToQueries, shape.Samples * shape.Heads);
            Share(context, 1, attention.ToKeys, shape.Pairs);
            Share(context, 2, attention.ToValues, shape.Pairs);
        }

        attention.Close();
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, Attention operation) => Canonical.ApplyContrastive(supporting, opposing);

    // The sum of each head in proportion to |x|.
    private static void Share(RuleContext context, int input, ArrayView<float> result, long heads)
    {
        ArrayView<float> x = context.Input(input).Values;
        long length = x.Length / heads;
        ArrayView<float> totals = context.Scratch(heads), masses = context.Scratch(heads), scratch = context.Scratch(RowSums.ScratchLength(heads, length));
        context.Device.Run(new Fill { Target = totals, Value = 0 }, heads);
        context.Device.Run(new Fill { Target = masses, Value = 0 }, heads);
        RowSums.Add(context.Device, new ValueTerm { Values = result }, heads, length, totals, scratch);
        RowSums.Add(context.Device, new AbsoluteTerm { Values = x }, heads, length, masses, scratch);
        context.Device.Run(new Coefficient { Relevance = totals, Denominator = masses, Target = masses }, heads);
        context.Device.RunItems(new AbsoluteByRow { Source = x, Factor = masses, Target = result, Length = length }, result.Length, 1);
    }
}
