using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>R − c·y: the relevance of a unit that its contributions, which add up to y, do not get.</summary>
internal unsafe struct RemainderTerm : ITerm
{
    public ArrayView<float> Relevance;
    public ArrayView<float> Coefficient;
    public ArrayView<float> Value;

    public readonly TermPointers Open() => new() { A = Relevance.Pointer(), B = Coefficient.Pointer(), C = Value.Pointer() };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane At<TLane>(in TermPointers pointers, long row, long column)
        where TLane : struct, ILane<TLane>
    {
        long i = row + column;
        return TLane.Load(pointers.A + i) - TLane.Load(pointers.B + i) * TLane.Load(pointers.C + i);
    }
}
