using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>A value between −1 and 1 and what it lacks to 1, neither by subtraction of nearly equal numbers.</summary>
internal struct Squashed<TLane>
    where TLane : struct, ILane<TLane>
{
    // Below this, e²ˣ − 1 would cancel; the fraction is exact to 2e-8 there.
    private const float Small = 0.75f;

    public TLane Value;

    /// <summary>1 − value.</summary>
    public TLane Rest;

    /// <summary>1 / (1 + e⁻ˣ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Squashed<TLane> Sigmoid(TLane x)
    {
        TLane zero = TLane.All(0), one = TLane.All(1);
        TLane small = TLane.Exp(zero - TLane.Abs(x));
        TLane large = one / (one + small);
        small = small * large;
        return new Squashed<TLane> { Value = TLane.WhereGreater(zero, x, small, large), Rest = TLane.WhereGreater(zero, x, large, small) };
    }

    /// <summary>tanh x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Squashed<TLane> Tanh(TLane x)
    {
        TLane zero = TLane.All(0), one = TLane.All(1), two = TLane.All(2);
        TLane magnitude = TLane.Abs(x), square = x * x;
        TLane small = TLane.Exp(zero - two * magnitude);
        TLane lacking = two * small / (one + small);

        // Lambert's continued fraction.
        TLane fraction = magnitude * (TLane.All(945) + square * (TLane.All(105) + square)) / (TLane.All(945) + square * (TLane.All(420) + TLane.All(15) * square));
        TLane value = TLane.WhereGreater(TLane.All(Small), magnitude, fraction, one - lacking);
        return new Squashed<TLane> { Value = TLane.WhereGreater(zero, x, zero - value, value), Rest = TLane.WhereGreater(zero, x, two - lacking, lacking) };
    }
}
