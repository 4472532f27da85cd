using Backtrace.Gpu.Kernels.Rules.Recurrent;

namespace Backtrace.Gpu.Kernels.Rules;

public sealed partial class RuleSet
{
    /// <summary>The canonical rules of docs/rules.md.</summary>
    public static RuleSet Backtrace { get; }

    // A new rule is one line here.
    private static RuleSet CreateBacktrace() => Of(
        new LinearRule(),
        new ConvolutionRule(),
        new TransposedConvolutionRule(),
        new AddRule(),
        new MultiplyRule(),
        new ProductOverAxesRule(),
        new MatrixProductRule(),
        new AttentionRule(),
        new WhereRule(),
        new OverwriteRule(),
        new MaxPoolingRule(),
        new AveragePoolingRule(),
        new SumOverAxesRule(),
        new MaxOverAxesRule(),
        new ConcatenateRule(),
        new StackRule(),
        new SplitRule(),
        new StridedViewRule(),
        new PadRule(),
        new RepeatRule(),
        new IndexSelectRule(),
        new IndexMapRule(),
        new RollRule(),
        new UpsampleRule(),
        new EmbeddingRule(),
        new EmbeddingBagRule(),
        new RecurrentRule(),
        new IdentityRule());
}
