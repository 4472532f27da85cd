using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>Relevance of units that hand out nothing to either sign.</summary>
internal unsafe struct UnservedTerm : ITerm
{
    public ArrayView<float> Relevance;
    public ArrayView<float> ToP;
    public ArrayView<float> ToN;

    public readonly TermPointers Open() => new() { A = Relevance.Pointer(), B = ToP.Pointer(), C = ToN.Pointer() };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane At<TLane>(in TermPointers pointers, long row, long column)
        where TLane : struct, ILane<TLane>
    {
        long i = row + column;
        TLane served = TLane.Abs(TLane.Load(pointers.B + i)) + TLane.Abs(TLane.Load(pointers.C + i));
        return TLane.WhereZero(served, TLane.Load(pointers.A + i), TLane.All(0));
    }
}
