namespace Backtrace.Gpu;

/// <summary>Precision of the operands of dense products; they always accumulate in fp32.</summary>
public enum Precision
{
    /// <summary>fp32.</summary>
    Single,

    /// <summary>bf16: faster where the machine multiplies bf16 fast; error about 1e-3 of the largest relevance.</summary>
    BFloat16,
}
