using System.Runtime.CompilerServices;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>The lane of one float: what GPU threads and loop tails use.</summary>
public readonly unsafe struct Scalar(float value) : ILane<Scalar>
{
    private readonly float value = value;

    /// <inheritdoc/>
    public static int Width => 1;

    /// <summary>The float.</summary>
    internal float Value => value;

    /// <inheritdoc/>
    public static Scalar All(float value) => new(value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Scalar Load(float* source) => new(*source);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* target, Scalar value) => *target = value.value;

    /// <inheritdoc/>
    public static Scalar operator +(Scalar a, Scalar b) => new(a.value + b.value);

    /// <inheritdoc/>
    public static Scalar operator -(Scalar a, Scalar b) => new(a.value - b.value);

    /// <inheritdoc/>
    public static Scalar operator *(Scalar a, Scalar b) => new(a.value * b.value);

    /// <inheritdoc/>
    public static Scalar operator /(Scalar a, Scalar b) => new(a.value / b.value);

    /// <inheritdoc/>
    public static Scalar Abs(Scalar a) => new(IntrinsicMath.Abs(a.value));

    /// <inheritdoc/>
    public static Scalar Max(Scalar a, Scalar b) => new(IntrinsicMath.Max(a.value, b.value));

    /// <inheritdoc/>
    public static Scalar Exp(Scalar a) => new(DeviceMath.Exp(a.value));

    /// <inheritdoc/>
    public static Scalar WhereZero(Scalar test, Scalar yes, Scalar no) => test.value == 0 ? yes : no;

    /// <inheritdoc/>
    public static Scalar WhereGreater(Scalar a, Scalar b, Scalar yes, Scalar no) => a.value > b.value ? yes : no;

    /// <inheritdoc/>
    public static bool IsZero(Scalar a) => a.value == 0;

    /// <inheritdoc/>
    public static float Sum(Scalar a) => a.value;
}
