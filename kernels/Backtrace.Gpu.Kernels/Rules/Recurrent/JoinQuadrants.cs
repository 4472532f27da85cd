using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>target = max(x, 0)·(u + u′) + max(−x, 0)·(v + v′) + base: the four quadrants of a contrastive unit rule (rules.md, E.1).</summary>
internal unsafe struct JoinQuadrants : IElementwise
{
    public ArrayView<float> X;

    /// <summary>W⁺ᵀ times the shares of positive contributions.</summary>
    public ArrayView<float> PositiveToP;

    /// <summary>W⁻ᵀ times the shares of negative contributions.</summary>
    public ArrayView<float> NegativeToN;

    /// <summary>W⁻ᵀ times the shares of positive contributions.</summary>
    public ArrayView<float> NegativeToP;

    /// <summary>W⁺ᵀ times the shares of negative contributions.</summary>
    public ArrayView<float> PositiveToN;

    /// <summary>What is added; may be the target.</summary>
    public ArrayView<float> Base;
    public int HasBase;
    public ArrayView<float> Target;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* values = X.Pointer();
        float* positiveToP = PositiveToP.Pointer();
        float* negativeToN = NegativeToN.Pointer();
        float* negativeToP = NegativeToP.Pointer();
        float* positiveToN = PositiveToN.Pointer();
        float* start = Base.Pointer();
        float* target = Target.Pointer();
        TLane zero = TLane.All(0);
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            TLane x = TLane.Load(values + i), positive = TLane.Max(x, zero);
            TLane sum = positive * (TLane.Load(positiveToP + i) + TLane.Load(negativeToN + i))
                + (positive - x) * (TLane.Load(negativeToP + i) + TLane.Load(positiveToN + i));
            TLane.Store(target + i, HasBase != 0 ? sum + TLane.Load(start + i) : sum);
        }
    }
}
