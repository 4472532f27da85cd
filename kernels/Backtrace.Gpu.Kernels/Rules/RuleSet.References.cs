using Backtrace.Gpu.Kernels.Rules.References;

namespace Backtrace.Gpu.Kernels.Rules;

public sealed partial class RuleSet
{
    /// <summary>
    /// For comparison only: as <see cref="Backtrace"/>, with flaws of the first reference implementation, the one published with the paper. Convolutions
    /// lose relevance where they saturate and in contrastive mode, transposed ones most of it, embeddings all but 1/D of it; attention is split globally and by
    /// signed quotients. docs/rules.md, C, says which of its traits are reproduced and which are not. It starts with 100 times the relevance: set the
    /// target's multiplier.
    /// </summary>
    public static RuleSet V1 { get; }

    /// <summary>
    /// For comparison only: as <see cref="Backtrace"/>, with flaws of the later rewrite of the reference implementation. Sums and means are shared in equal
    /// parts whatever their values, RMS normalisations that are written out leak into their mean, saturation is never tested, attention is split by signed
    /// quotients and without its mask, and layers without a rule, such as pooling, hand on resized relevance. docs/rules.md, C, says which of its traits are
    /// reproduced and which are not. It starts with 100 times the relevance: set the target's multiplier.
    /// </summary>
    public static RuleSet V2 { get; }

    private static RuleSet CreateV1() => Backtrace
        .With(new V1ConvolutionRule()).With(new V1TransposedConvolutionRule()).With(new V1AveragePoolingRule()).With(new V1EmbeddingRule()).With(new V1AttentionRule());

    private static RuleSet CreateV2() => Backtrace.WithoutSaturation()
        .With(new V2AddRule()).With(new V2MeanRule()).With(new V2ConcatenateRule()).With(new V2AttentionRule())
        .With(new V2RootMeanSquareRule()).With(new V2ConvolutionRule()).With(new V2AlignmentRule<TransposedConvolution>())
        .With(new V2AlignmentRule<MaxPooling>()).With(new V2AlignmentRule<AveragePooling>());
}
