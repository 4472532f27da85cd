using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>R − a·p − b·n: the relevance of a unit that its contributions do not get.</summary>
internal unsafe struct QuadrantRemainderTerm : ITerm
{
    public ArrayView<float> Relevance;
    public ArrayView<float> ToP;
    public ArrayView<float> P;
    public ArrayView<float> ToN;
    public ArrayView<float> N;

    public readonly TermPointers Open() =>
        new() { A = Relevance.Pointer(), B = ToP.Pointer(), C = P.Pointer(), D = ToN.Pointer(), E = N.Pointer() };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane At<TLane>(in TermPointers pointers, long row, long column)
        where TLane : struct, ILane<TLane>
    {
        long i = row + column;
        return TLane.Load(pointers.A + i) - TLane.Load(pointers.B + i) * TLane.Load(pointers.C + i) - TLane.Load(pointers.D + i) * TLane.Load(pointers.E + i);
    }
}
