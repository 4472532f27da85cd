using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>Positive contributions of positive units and negative contributions of negative ones count 1 + γ times. A unit that is exactly 0 drops its relevance.</summary>
internal sealed class GammaFormula(float gamma) : QuadrantFormula
{
    internal override bool ReadsOutput => true;

    protected override void Coefficients(RuleContext context, ArrayView<float> value, ArrayView<float> p, ArrayView<float> n, ArrayView<float> toP, ArrayView<float> toN) =>
        context.Device.Run(
            new Shares { Relevance = context.Relevance().Values, Value = value, P = p, N = n, ToP = toP, ToN = toN, Gamma = gamma, Epsilon = DefaultEpsilon },
            p.Length,
            workPerEntry: 6);

    /// <summary>c = R / (y + γp), a = (1 + γ)c, b = −c; for negative y, c = R / (y − γn), a = c, b = −(1 + γ)c.</summary>
    internal unsafe struct Shares : IElementwise
    {
        public ArrayView<float> Relevance;
        public ArrayView<float> Value;
        public ArrayView<float> P;
        public ArrayView<float> N;
        public ArrayView<float> ToP;
        public ArrayView<float> ToN;
        public float Gamma;
        public float Epsilon;

        public readonly void Run<TLane>(Share share)
            where TLane : struct, ILane<TLane>
        {
            float* relevance = Relevance.Pointer();
            float* value = Value.Pointer();
            float* p = P.Pointer();
            float* n = N.Pointer();
            float* toP = ToP.Pointer();
            float* toN = ToN.Pointer();
            TLane zero = TLane.All(0), one = TLane.All(1), more = TLane.All(1 + Gamma), gamma = TLane.All(Gamma);
            for (long i = share.Begin; i < share.End; i += share.Step)
            {
                TLane y = TLane.Load(value + i);
                TLane d = y + gamma * TLane.WhereGreater(zero, y, zero - TLane.Load(n + i), TLane.Load(p + i));
                TLane c = TLane.WhereZero(y, zero, StabilisedQuotient.Of(TLane.Load(relevance + i), d, TLane.All(Epsilon)));
                TLane.Store(toP + i, c * TLane.WhereGreater(zero, y, one, more));
                TLane.Store(toN + i, (zero - c) * TLane.WhereGreater(zero, y, more, one));
            }
        }
    }
}
