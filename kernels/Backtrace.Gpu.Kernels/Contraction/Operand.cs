using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Which function of its entries an operand of a contraction stands for.</summary>
public enum Part
{
    /// <summary>x.</summary>
    Signed,

    /// <summary>|x|: the sign bit is cleared while a tile is loaded.</summary>
    Absolute,

    /// <summary>max(x, 0).</summary>
    Positive,

    /// <summary>max(−x, 0).</summary>
    Negative,
}

/// <summary>An operand of a contraction: contiguous values and the function of them that is meant.</summary>
/// <param name="Values">Contiguous fp32 values, row-major.</param>
/// <param name="Part">The function of the values that takes part.</param>
public readonly record struct Operand(ArrayView<float> Values, Part Part)
{
    /// <summary>The absolute values.</summary>
    public static Operand Abs(ArrayView<float> values) => new(values, Part.Absolute);

    /// <summary>The positive values, and 0 for the others.</summary>
    public static Operand Positive(ArrayView<float> values) => new(values, Part.Positive);

    /// <summary>The magnitudes of the negative values, and 0 for the others.</summary>
    public static Operand Negative(ArrayView<float> values) => new(values, Part.Negative);

    /// <summary>The values themselves.</summary>
    public static Operand Of(ArrayView<float> values) => new(values, Part.Signed);

    /// <summary>No operand: a layer without bias.</summary>
    public static Operand None => default;

    /// <summary>
    /// True if the memory of <see cref="Values"/> holds bf16 numbers, two in the place of a float. Only where <see cref="IContraction.ReadsBFloat16"/> says so.
    /// </summary>
    public bool IsBFloat16 { get; init; }

    /// <summary>False for a missing operand.</summary>
    public bool IsPresent => Values.IsValid;
}
