using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>
/// The epsilon rule of y = a·x + c: x gets R·a·x / (y ± ε), and what c gets is reported as bias. The engine computes a and c (parameters <c>scale</c> and
/// <c>shift</c>) where this rule is in use, and merges the normalisation into the layer before it where that layer has no other consumer: then its rule serves both.
/// </summary>
/// <param name="epsilon">Added to y, away from 0.</param>
public sealed class LrpBatchNormalisationRule(float epsilon = LrpFormula.DefaultEpsilon) : StreamwiseRule<BatchNormalisation>
{
    /// <inheritdoc/>
    public override bool IsSigned => true;

    /// <inheritdoc/>
    public override bool ReadsInput(Operation operation, int index) => true;

    /// <inheritdoc/>
    public override bool ReadsOutput(Operation operation, Mode mode) => true;

    internal override IReadOnlyDictionary<string, HostTensor> Complete(Operation operation, IReadOnlyDictionary<string, HostTensor> given) => ((BatchNormalisation)operation).AsScaleAndShift(given);

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, BatchNormalisation operation)
    {
        long[] shape = context.InputShape(0);
        DeviceTensor result = context.Give(0);
        DeviceTensor scale = context.Parameter("scale")!.Value, shift = context.Parameter("shift")!.Value;
        long inner = result.Length / (shape[0] * scale.Length);
        ArrayView<float> coefficients = Stabilised.Divide(context, UnitValues.Of(context, Map(shape, scale.Length, inner), "scale", "shift"), epsilon);
        Shares shares = new()
        {
            X = context.Input(0).Values,
            Scale = scale.Values,
            Coefficient = coefficients,
            Target = result.Values,
            Channels = scale.Length,
            Inner = inner,
        };
        context.Device.RunItems(shares, result.Length / inner, 3 * inner);
        Affine.KeepBias(context, coefficients, shift.Values, inner, Part.Signed);
    }

    // A convolution of one tap in which each channel is a group.
    private static ConvolutionRule.Map Map(long[] shape, long channels, long inner)
    {
        Size3 plane = new(1, 1, (int)inner), one = new(1, 1, 1);
        return new ConvolutionRule.Map(new ConvolutionShape((int)shape[0], (int)channels, (int)channels, (int)channels, plane, plane, one, one, default, one));
    }

    /// <summary>c·a·x, one thread per channel of a sample.</summary>
    internal unsafe struct Shares : IKernel
    {
        public ArrayView<float> X;
        public ArrayView<float> Scale;
        public ArrayView<float> Coefficient;
        public ArrayView<float> Target;
        public long Channels;
        public long Inner;

        public readonly void Run(Share share)
        {
            float* x = X.Pointer();
            float* scale = Scale.Pointer();
            float* coefficient = Coefficient.Pointer();
            float* target = Target.Pointer();
            for (long plane = share.Begin; plane < share.End; plane += share.Step)
            {
                float factor = scale[plane % Channels];
                for (long i = plane * Inner; i < (plane + 1) * Inner; i++)
                    target[i] = coefficient[i] * (factor * x[i]);
            }
        }
    }
}
