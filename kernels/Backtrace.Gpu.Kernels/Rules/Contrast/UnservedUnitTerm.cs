using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>Relevance of balanced units whose α is 0: they hand out nothing.</summary>
internal unsafe struct UnservedUnitTerm : ITerm
{
    public ArrayView<float> Relevance;
    public ArrayView<float> Alpha;
    public ArrayView<float> P;
    public ArrayView<float> N;

    public readonly TermPointers Open() => new() { A = Relevance.Pointer(), B = Alpha.Pointer(), C = P.Pointer(), D = N.Pointer() };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane At<TLane>(in TermPointers pointers, long row, long column)
        where TLane : struct, ILane<TLane>
    {
        long i = row + column;
        TLane p = TLane.Load(pointers.C + i), n = TLane.Load(pointers.D + i), zero = TLane.All(0);
        TLane least = TLane.All(ContrastiveLinear.Balanced) * (p + n);
        TLane lost = TLane.WhereGreater(least, p, zero, TLane.WhereGreater(least, n, zero, TLane.Load(pointers.A + i)));
        return TLane.WhereZero(TLane.Load(pointers.B + i), lost, zero);
    }
}
