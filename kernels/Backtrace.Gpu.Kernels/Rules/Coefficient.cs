using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>c = R / D, and 0 where D is 0 or so small that the quotient, or its product with a weight, could overflow (rules.md, E.2, H.2).</summary>
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
            TLane r = TLane.Load(relevance + i), d = TLane.Load(denominator + i);
            TLane.Store(target + i, TLane.WhereGreater(Least(r), d, TLane.All(0), r / d));
        }
    }

    /// <summary>The least denominator by which relevance is divided: no coefficient is larger than 1e30.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TLane Least<TLane>(TLane relevance)
        where TLane : struct, ILane<TLane> => TLane.All(Smallest) * TLane.Max(TLane.All(1), TLane.Abs(relevance));

    /// <summary>The same for one number.</summary>
    internal static float Least(float relevance) => Smallest * IntrinsicMath.Max(1f, IntrinsicMath.Abs(relevance));
}
