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
        Rows kernel = new()
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
        context.Device.RunItems(kernel, rows, 12 * operation.Length);
        context.Keep(LedgerEntry.Bias, new ValueTerm { Values = taken }, rows);
        context.Keep(LedgerEntry.Dropped, new ValueTerm { Values = lost }, rows);
    }

    /// <summary>One thread per row.</summary>
    internal unsafe struct Rows : IKernel
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

        public readonly void Run(Share share)
        {
            float* taken = Taken.Pointer();
            float* lost = Lost.Pointer();
            for (long row = share.Begin; row < share.End; row += share.Step)
            {
                float* x = X.Pointer() + row * Length;
                float mean = 0, variance = 0;
                for (long d = 0; d < Length; d++)
                    mean += x[d];
                mean /= Length;
                for (long d = 0; d < Length; d++)
                    variance += (x[d] - mean) * (x[d] - mean);
                Share(row, x, mean, 1f / IntrinsicMath.CPUOnly.Sqrt(variance / Length + Variance), taken, lost);
            }
        }

        private readonly void Share(long row, float* x, float mean, float scale, float* taken, float* lost)
        {
            float* weight = Weight.Pointer();
            float* bias = Bias.Pointer();
            float* relevance = Relevance.Pointer() + row * Length;
            float* target = Target.Pointer() + row * Length;
            float throughMean = 0, ofBias = 0, absorbed = 0;
            for (long d = 0; d < Length; d++)
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

            throughMean /= Length;
            for (long d = 0; d < Length; d++)
                target[d] = x[d] * (target[d] - throughMean);
            taken[row] = ofBias;
            lost[row] = absorbed;
        }
    }
}
