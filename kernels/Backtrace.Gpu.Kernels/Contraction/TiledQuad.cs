using System.Runtime.CompilerServices;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Four floats, moved as one where memory allows.</summary>
internal struct Quad
{
    public float X;
    public float Y;
    public float Z;
    public float W;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad MultiplyAdd(Quad sum, float a, Quad b) =>
        new() { X = sum.X + a * b.X, Y = sum.Y + a * b.Y, Z = sum.Z + a * b.Z, W = sum.W + a * b.W };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad operator +(Quad a, Quad b) =>
        new() { X = a.X + b.X, Y = a.Y + b.Y, Z = a.Z + b.Z, W = a.W + b.W };
}
