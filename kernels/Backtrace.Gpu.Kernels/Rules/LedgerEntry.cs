namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>The places where a node's relevance can stay.</summary>
public enum LedgerEntry
{
    /// <summary>The bias took its share.</summary>
    Bias,

    /// <summary>The unit had nothing to share among (its denominator was zero).</summary>
    Dropped,

    /// <summary>A constant that is part of the operator took its share, such as the 3 in x + 3.</summary>
    Constant,
}
