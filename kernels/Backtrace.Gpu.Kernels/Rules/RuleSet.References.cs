using Backtrace.Gpu.Kernels.Rules.References;

namespace Backtrace.Gpu.Kernels.Rules;

public sealed partial class RuleSet
{
    /// <summary>
    /// For comparison only: as <see cref="Backtrace"/>, with flaws of the first reference implementation, the one published with the paper. Convolutions
    /// lose relevance where they saturate and in contrastive mode, embeddings all but 1/D of it. docs/rules.md, C, says which of its traits are
    /// reproduced and which are not. It starts with 100 times the relevance: set the target's multiplier.
    /// </summary>
    public static RuleSet V1 { get; } = Backtrace.With(new V1ConvolutionRule()).With(new V1AveragePoolingRule()).With(new V1EmbeddingRule());

    /// <summary>
    /// For comparison only: as <see cref="Backtrace"/>, with flaws of the later rewrite of the reference implementation. Sums and means are shared in equal
    /// parts whatever their values, and saturation is never tested. docs/rules.md, C, says which of its traits are reproduced and which are not. It
    /// starts with 100 times the relevance: set the target's multiplier.
    /// </summary>
    public static RuleSet V2 { get; } = Backtrace.WithoutSaturation().With(new V2AddRule()).With(new V2MeanRule());
}
