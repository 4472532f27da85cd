using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>c = R / D, and 0 where D is 0 or so small that the quotient could overflow (rules.md, E.2, H.2).</summary>
public unsafe struct Coefficient : IElementwise
{
    internal const float Smallest = 1e-30f;

    /// <summary>Relevance of the units.</summary>
    public ArrayView<float> Relevance;

    /// <summary>Denominators.</summary>
    public ArrayView<float> Denominator;

    /// <summary>Coefficients; may be the memory of <see cref="Denominator"/>.</summary>
    public ArrayView<float> Target;

    /// <inheritdoc/>
    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* relevance = Relevance.Pointer();
        float* denominator = Denominator.Pointer();
        float* target = Target.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            TLane d = TLane.Load(denominator + i);
            TLane.Store(target + i, TLane.WhereGreater(TLane.All(Smallest), d, TLane.All(0), TLane.Load(relevance + i) / d));
        }
    }
}
