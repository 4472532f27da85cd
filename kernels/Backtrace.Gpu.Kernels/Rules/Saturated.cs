using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// The affine rule with saturation masks (rules.md, B.0.1, E.3): S = |W||x| and t = Wx + b give both masses p and n, the masks silence one of
/// them, and R_in = |x|·|W|ᵀα + x·Wᵀβ.
/// </summary>
internal static class Saturated
{
    /// <returns>The coefficients c = R / D per unit.</returns>
    public static ArrayView<float> Apply<TMap>(
        RuleContext context,
        TMap map,
        ArrayView<float> x,
        ArrayView<float> weight,
        ArrayView<float> bias,
        ArrayView<float> relevance,
        long inner,
        ArrayView<float> result)
        where TMap : struct, ILinearMap
    {
        long units = relevance.Length;
        ArrayView<float> mass = context.Shared(units, out bool isNew);
        if (isNew)
            map.Forward(context.Contraction, Operand.Abs(x), Operand.Abs(weight), Operand.None, mass, default(NoEpilogue));

        ArrayView<float> coefficients = context.Scratch(units);
        ArrayView<float> alpha = context.Scratch(units);
        ArrayView<float> beta = context.Scratch(units);
        context.Device.RunItems(
            new Masks
            {
                Kind = context.Saturation,
                Relevance = relevance,
                Mass = mass,
                Value = UnitValues.Of(context, map),
                Bias = bias.IsValid ? bias : mass,
                HasBias = bias.IsValid ? 1 : 0,
                Inner = inner,
                Channels = bias.IsValid ? bias.Length : 1,
                Coefficient = coefficients,
                Alpha = alpha,
                Beta = beta,
            },
            units,
            8);

        HandOut(context, map, x, weight, alpha, beta, result);
        return coefficients;
    }

    /// <summary>R_in = |x|·|W|ᵀα + x·Wᵀβ.</summary>
    internal static void HandOut<TMap>(
        RuleContext context, TMap map, ArrayView<float> x, ArrayView<float> weight, ArrayView<float> alpha, ArrayView<float> beta, ArrayView<float> result)
        where TMap : struct, ILinearMap
    {
        ArrayView<float> signed = context.Scratch(result.Length);
        map.Transposed(context.Contraction, Operand.Of(beta), Operand.Of(weight), signed, default(NoEpilogue));
        map.Transposed(context.Contraction, Operand.Of(alpha), Operand.Abs(weight), result, new ScaleByAbsolute { Activation = x, Values = result });
        context.Device.Run(new AddProduct { X = x, Factor = signed, Target = result }, result.Length);
    }

    /// <summary>From S, t and b: the masked denominator, and the coefficients of the two-matrix form.</summary>
    internal unsafe struct Masks : IKernel
    {
        public Saturation Kind;
        public ArrayView<float> Relevance;
        public ArrayView<float> Mass;
        public ArrayView<float> Value;
        public ArrayView<float> Bias;
        public int HasBias;
        public long Inner;
        public long Channels;
        public ArrayView<float> Coefficient;
        public ArrayView<float> Alpha;
        public ArrayView<float> Beta;

        public readonly void Run(Share share)
        {
            float* relevance = Relevance.Pointer();
            float* mass = Mass.Pointer();
            float* value = Value.Pointer();
            float* bias = Bias.Pointer();
            float* coefficient = Coefficient.Pointer();
            float* alpha = Alpha.Pointer();
            float* beta = Beta.Pointer();
            for (long i = share.Begin; i < share.End; i += share.Step)
            {
                float b = HasBias != 0 ? bias[i / Inner % Channels] : 0;
                float t = value[i];
                float p = IntrinsicMath.Max(0.5f * (mass[i] + (t - b)), 0f);
                float n = IntrinsicMath.Max(0.5f * (mass[i] - (t - b)), 0f);
                float keepP = 1, keepN = 1;
                float lower = Lower(), upper = Upper();
                if (t < lower)
                    keepP = 0;
                if (t > upper)
                    keepN = 0;
                if (Kind == Saturation.Swish && p * keepP > 0 && n * keepN > 0)
                {
                    float whole = Wave(t);
                    if (whole == Wave(p + IntrinsicMath.Max(b, 0f)))
                        keepN = 0;
                    else if (whole == Wave(-(n + IntrinsicMath.Max(-b, 0f))))
                        keepP = 0;
                }

                float d = p * keepP + n * keepN + IntrinsicMath.Abs(b);
                float c = d < Rules.Coefficient.Least(relevance[i]) ? 0 : relevance[i] / d;
                coefficient[i] = c;
                alpha[i] = 0.5f * (keepP + keepN) * c;
                beta[i] = 0.5f * (keepP - keepN) * c;
            }
        }

        private static float Wave(float x) => x / (1 + DeviceMath.Exp(-0.75f * x));

        private readonly float Lower() =>
            Kind == Saturation.Tanh ? -2 : Kind == Saturation.Sigmoid ? -4 : Kind == Saturation.Softmax ? -1 : -6;

        private readonly float Upper() =>
            Kind == Saturation.Sigmoid ? 4 : Kind == Saturation.Swish ? float.MaxValue : 2;
    }

    /// <summary>r += x·f.</summary>
    internal unsafe struct AddProduct : IElementwise
    {
        public ArrayView<float> X;
        public ArrayView<float> Factor;
        public ArrayView<float> Target;

        public readonly void Run<TLane>(Share share)
            where TLane : struct, ILane<TLane>
        {
            float* x = X.Pointer();
            float* factor = Factor.Pointer();
            float* target = Target.Pointer();
            for (long i = share.Begin; i < share.End; i += share.Step)
                TLane.Store(target + i, TLane.Load(target + i) + TLane.Load(x + i) * TLane.Load(factor + i));
        }
    }
}
