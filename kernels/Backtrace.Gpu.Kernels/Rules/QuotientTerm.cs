using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Writes c = R / D over D, as <see cref="Coefficient"/>, and returns the relevance that is dropped, as a term of the ledger's sum.</summary>
internal unsafe struct QuotientTerm : ITerm
{
    /// <summary>Relevance of the units.</summary>
    public ArrayView<float> Relevance;

    /// <summary>Denominators, then coefficients.</summary>
    public ArrayView<float> Denominator;

    public readonly TermPointers Open() => new() { A = Relevance.Pointer(), B = Denominator.Pointer() };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane At<TLane>(in TermPointers pointers, long row, long column)
        where TLane : struct, ILane<TLane>
    {
        TLane relevance = TLane.Load(pointers.A + (row + column));
        TLane d = TLane.Load(pointers.B + (row + column));
        TLane smallest = Coefficient.Least(relevance);
        TLane.Store(pointers.B + (row + column), TLane.WhereGreater(smallest, d, TLane.All(0), relevance / d));
        return TLane.WhereGreater(smallest, d, relevance, TLane.All(0));
    }
}
