namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// One or several adjacent floats that a kernel body handles as one value: <see cref="Scalar"/> on GPUs,
/// <see cref="Simd"/> and <see cref="WideSimd"/> on the CPU. A body written against it is the one source for every device.
/// </summary>
public unsafe interface ILane<T>
    where T : struct, ILane<T>
{
    /// <summary>Number of floats in the lane.</summary>
    static abstract int Width { get; }

    /// <summary>The lane with every float equal to <paramref name="value"/>.</summary>
    static abstract T All(float value);

    /// <summary>Reads <see cref="Width"/> floats, which need not be aligned.</summary>
    static abstract T Load(float* source);

    /// <summary>Writes <see cref="Width"/> floats, which need not be aligned.</summary>
    static abstract void Store(float* target, T value);

    /// <summary>Sum.</summary>
    static abstract T operator +(T a, T b);

    /// <summary>Difference.</summary>
    static abstract T operator -(T a, T b);

    /// <summary>Product.</summary>
    static abstract T operator *(T a, T b);

    /// <summary>Quotient.</summary>
    static abstract T operator /(T a, T b);

    /// <summary>Absolute value.</summary>
    static abstract T Abs(T a);

    /// <summary>The larger value.</summary>
    static abstract T Max(T a, T b);

    /// <summary>eˣ, as <see cref="DeviceMath.Exp(float)"/> computes it, to the bit.</summary>
    static abstract T Exp(T a);

    /// <summary><paramref name="yes"/> where <paramref name="test"/> is zero, else <paramref name="no"/>.</summary>
    static abstract T WhereZero(T test, T yes, T no);

    /// <summary><paramref name="yes"/> where a is greater than b, else <paramref name="no"/>.</summary>
    static abstract T WhereGreater(T a, T b, T yes, T no);

    /// <summary>True if every float is zero.</summary>
    static abstract bool IsZero(T a);

    /// <summary>The sum of the floats, in a fixed order.</summary>
    static abstract float Sum(T a);
}
