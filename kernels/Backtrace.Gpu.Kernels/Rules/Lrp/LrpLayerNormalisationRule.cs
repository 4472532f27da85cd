using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>
/// The epsilon rule of layer normalisation, whose deviation counts as a constant: y = a·(x − mean) + bias is linear then, and x gets its part of y with its sign, also
/// through the mean. What the bias gets is reported.
/// </summary>
/// <param name="epsilon">Added to y, away from 0.</param>
public sealed class LrpLayerNormalisationRule(float epsilon = LrpFormula.DefaultEpsilon) : StreamwiseRule<LayerNormalisation>
{
    /// <inheritdoc/>
    public override bool IsSigned => true;

    /// <inheritdoc/>
    public override bool ReadsInput(Operation operation, int index) => true;

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, LayerNormalisation operation)
    {
        ArrayView<float> x = context.Input(0).Values, target = context.Give(0).Values;
        long rows = x.Length / operation.Length;
        ArrayView<float> weight = context.Parameter("weight")?.Values ?? default, bias = context.Parameter("bias")?.Values ?? default;
        ArrayView<float> taken = context.Scratch(rows), lost = context.Scratch(rows);
        Shares kernel = new()
        {
            X = x,
            Weight = weight.IsValid ? weight : x,
            Bias = bias.IsValid ? bias : x,
            HasWeight = weight.IsValid ? 1 : 0,
            HasBias = bias.IsValid ? 1 : 0,
            Relevance = context.Relevance().Values,
            Target = target,
            Taken = taken,
            Lost = lost,
            Length = operation.Length,
            Variance = (float)operation.Epsilon,
            Epsilon = epsilon,
        };
        Rows.Run(context.Device, kernel, rows, operation.Length, 12 * operation.Length);
        context.Keep(LedgerEntry.Bias, new ValueTerm { Values = taken }, rows);
        context.Keep(LedgerEntry.Dropped, new ValueTerm { Values = lost }, rows);
    }

    /// <summary>R_x, row by row.</summary>
    internal unsafe struct Shares : IRowKernel
    {
        public ArrayView<float> X;
        public ArrayView<float> Weight;
        public ArrayView<float> Bias;
        public int HasWeight;
        public int HasBias;
        public ArrayView<float> Relevance;
        public ArrayView<float> Target;

        /// <summary>What biases get, per row.</summary>
        public ArrayView<float> Taken;

        /// <summary>What ε absorbs, per row.</summary>
        public ArrayView<float> Lost;
        public long Length;
        public float Variance;
        public float Epsilon;

        public readonly void Run<TThreads>(long row)
            where TThreads : struct, IRowThreads
        {
            float* x = X.Pointer() + row * Length;
            float mean = 0, variance = 0;
            for (long d = TThreads.Index; d < Length; d += TThreads.Count)
                mean += x[d];
            mean = TThreads.Sum(mean) / Length;
            for (long d = TThreads.Index; d < Length; d += TThreads.Count)
                variance += (x[d] - mean) * (x[d] - mean);
            variance = TThreads.Sum(variance);
            Share<TThreads>(row, x, mean, 1f / IntrinsicMath.CPUOnly.Sqrt(variance / Length + Variance));
        }

        private readonly void Share<TThreads>(long row, float* x, float mean, float scale)
            where TThreads : struct, IRowThreads
        {
            float* weight = Weight.Pointer();
            float* bias = Bias.Pointer();
            float* relevance = Relevance.Pointer() + row * Length;
            float* target = Target.Pointer() + row * Length;
            float throughMean = 0, ofBias = 0, absorbed = 0;
            for (long d = TThreads.Index; d < Length; d += TThreads.Count)
            {
                float a = HasWeight != 0 ? weight[d] * scale : scale;
                float b = HasBias != 0 ? bias[d] : 0f;
                float y = a * (x[d] - mean) + b;
                Scalar.Store(target + d, StabilisedQuotient.Of(new Scalar(relevance[d]), new Scalar(y), new Scalar(Epsilon)));
                float c = target[d];
                target[d] = a * c;
                throughMean += a * c;
                ofBias += b * c;
                absorbed += relevance[d] - c * y;
            }

            throughMean = TThreads.Sum(throughMean) / Length;
            for (long d = TThreads.Index; d < Length; d += TThreads.Count)
                target[d] = x[d] * (target[d] - throughMean);
            ofBias = TThreads.Sum(ofBias);
            absorbed = TThreads.Sum(absorbed);
            if (TThreads.Index != 0)
                return;
            Taken.Pointer()[row] = ofBias;
            Lost.Pointer()[row] = absorbed;
        }
    }
}
