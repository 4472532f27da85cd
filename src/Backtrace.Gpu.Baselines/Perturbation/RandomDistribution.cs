namespace Backtrace.Gpu.Baselines;

/// <summary>What random attributions are drawn from.</summary>
public enum RandomDistribution
{
    /// <summary>From 0 to 1.</summary>
    Uniform,

    /// <summary>Mean 0, variance 1.</summary>
    Normal,
}
