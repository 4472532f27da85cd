using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>What signed relevance says of a change: R is the value times what a unit of it is worth, so that a change d of the value x is worth R · d / x.</summary>
internal static class Changes
{
    // Nothing is known of what a value of 0 is worth, as it has no relevance. Networks do not notice this.
    private const float Least = 1e-6f;

    /// <summary>The input, where numbers that are 0 or nearly so become just large enough to have relevance.</summary>
    /// <param name="input">[N, ...] of 32-bit floats.</param>
    public static Tensor WithoutZeros(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        return where(input.abs() < Least, full_like(input, Least), input).MoveToOuterDisposeScope();
    }

    /// <summary>What changes are worth: R · d / x, and 0 where x is.</summary>
    /// <param name="relevance">[N, ...].</param>
    /// <param name="values">What it belongs to, shaped like it.</param>
    /// <param name="change">Shaped like it.</param>
    public static Tensor Worth(Tensor relevance, Tensor values, Tensor change)
    {
        using DisposeScope scope = NewDisposeScope();
        return where(values == 0, zeros_like(values), relevance * change / values).MoveToOuterDisposeScope();
    }
}
