using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>c = R / (y + ε) where y ≥ 0, R / (y − ε) where y &lt; 0, and 0 where the quotient could overflow.</summary>
internal unsafe struct StabilisedQuotient : IElementwise
{
    public ArrayView<float> Relevance;
    public ArrayView<float> Value;
    public ArrayView<float> Target;
    public float Epsilon;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* relevance = Relevance.Pointer();
        float* value = Value.Pointer();
        float* target = Target.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
            TLane.Store(target + i, Of(TLane.Load(relevance + i), TLane.Load(value + i), TLane.All(Epsilon)));
    }

    internal static TLane Of<TLane>(TLane relevance, TLane value, TLane epsilon)
        where TLane : struct, ILane<TLane>
    {
        TLane zero = TLane.All(0);
        TLane d = TLane.WhereGreater(zero, value, value - epsilon, value + epsilon);
        return TLane.WhereGreater(Coefficient.Least(relevance), TLane.Abs(d), zero, relevance / d);
    }
}
