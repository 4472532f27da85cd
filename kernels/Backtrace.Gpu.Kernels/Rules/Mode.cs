namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>What relevance is.</summary>
public enum Mode
{
    /// <summary>One relevance per unit, shared in proportion to |contribution| (rules.md, B.0.1).</summary>
    Default,

    /// <summary>Two relevances per unit, one that supports and one that opposes the target (rules.md, B.0.2).</summary>
    Contrastive,
}
