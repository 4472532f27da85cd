using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>Positive contributions get αR, negative ones −βR. The part of a sign that a unit does not have is dropped.</summary>
internal sealed class AlphaBetaFormula(float alpha, float beta) : QuadrantFormula
{
    internal override bool ReadsOutput => false;

    protected override void Coefficients(RuleContext context, ArrayView<float> value, ArrayView<float> p, ArrayView<float> n, ArrayView<float> toP, ArrayView<float> toN)
    {
        ArrayView<float> relevance = context.Relevance().Values;
        context.Device.Run(new Shares { Relevance = relevance, Mass = p, Target = toP, Factor = alpha, Epsilon = DefaultEpsilon }, p.Length, workPerEntry: 3);
        context.Device.Run(new Shares { Relevance = relevance, Mass = n, Target = toN, Factor = -beta, Epsilon = DefaultEpsilon }, n.Length, workPerEntry: 3);
    }

    /// <summary>f·R / (m + ε).</summary>
    internal unsafe struct Shares : IElementwise
    {
        public ArrayView<float> Relevance;
        public ArrayView<float> Mass;
        public ArrayView<float> Target;
        public float Factor;
        public float Epsilon;

        public readonly void Run<TLane>(Share share)
            where TLane : struct, ILane<TLane>
        {
            float* relevance = Relevance.Pointer();
            float* mass = Mass.Pointer();
            float* target = Target.Pointer();
            for (long i = share.Begin; i < share.End; i += share.Step)
            {
                TLane m = TLane.Load(mass + i);
                TLane c = StabilisedQuotient.Of(TLane.Load(relevance + i), m, TLane.All(Epsilon));
                TLane.Store(target + i, TLane.WhereZero(m, m, TLane.All(Factor) * c));
            }
        }
    }
}
