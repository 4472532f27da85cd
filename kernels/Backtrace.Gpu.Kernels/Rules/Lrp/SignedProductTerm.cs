using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>x·w, with the signs of both.</summary>
internal unsafe struct SignedProductTerm : ITerm
{
    public ArrayView<float> Values;
    public ArrayView<float> Weights;

    public readonly TermPointers Open() => new() { A = Values.Pointer(), B = Weights.Pointer() };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane At<TLane>(in TermPointers pointers, long row, long column)
        where TLane : struct, ILane<TLane> =>
        TLane.Load(pointers.A + (row + column)) * TLane.Load(pointers.B + (row + column));
}
