namespace Backtrace.Gpu.Baselines;

/// <summary>What <see cref="SmoothGradExplainer"/> computes of the gradients at noisy inputs.</summary>
public enum SmoothGradKind
{
    /// <summary>Their mean (Smilkov et al., arXiv 1706.03825).</summary>
    Plain,

    /// <summary>The mean of their squares (Hooker et al., arXiv 1806.10758).</summary>
    Squared,

    /// <summary>Their variance, divided by their number (Adebayo et al., arXiv 1810.03292).</summary>
    VarGrad,
}
