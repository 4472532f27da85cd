using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>A transposed convolution over one to three spatial axes. Parameters <c>weight</c> [I, O/groups, kernel], <c>bias</c> [O].</summary>
/// <param name="Shape">
/// The convolution whose transpose this layer is: its <c>Input</c> and <c>InChannels</c> are the layer's output, its <c>Output</c> and
/// <c>OutChannels</c> the layer's input. Output padding follows from the sizes.
/// </param>
/// <param name="Axes">Number of spatial axes of the layer.</param>
public sealed record TransposedConvolution(ConvolutionShape Shape, int Axes) : Operation
{
    /// <inheritdoc/>
    public override string Name => $"ConvTranspose{Axes}d";

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => true;

    /// <inheritdoc/>
    public override bool ReadsOutput(Mode mode) => mode == Mode.Contrastive;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1);
        Convolution.CheckKernel(Shape, shapes);
        shapes.Input(0, Shape.Batch, Shape.OutChannels, Shape.Output.D, Shape.Output.H, Shape.Output.W);
        shapes.Output(0, Shape.Batch, Shape.InChannels, Shape.Input.D, Shape.Input.H, Shape.Input.W);
        shapes.OptionalParameter("bias", Shape.InChannels);
    }
}

/// <summary>The rule of transposed convolutions: a unit is an output pixel (rules.md, B.4).</summary>
public sealed class TransposedConvolutionRule : Rule<TransposedConvolution>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, TransposedConvolution operation) =>
        Affine.Apply(context, new Map(operation.Shape), operation.Shape.Input.Volume);

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, TransposedConvolution operation) =>
        ContrastiveAffine.Apply(new StreamPair(supporting, opposing), new Map(operation.Shape), new Map(operation.Shape with { Batch = 2 * operation.Shape.Batch }));

    internal readonly struct Map(ConvolutionShape shape) : ILinearMap
    {
        public Operand Magnitudes(RuleContext context) => Operand.Abs(context.Parameter("weight")!.Value.Values);

        public void Forward<TEpilogue>(IContraction contraction, Operand x, Operand weight, Operand bias, ArrayView<float> y, TEpilogue epilogue)
            where TEpilogue : struct, IElementwise =>
            contraction.ConvolutionTransposed(shape, x, weight, bias, y, epilogue);

        public void Values(IContraction contraction, Operand x, Operand weight, Operand bias, ArrayView<float> y) =>
            contraction.ConvolutionTransposed(shape with { IsExact = true }, x, weight, bias, y, default(NoEpilogue));

        public void Transposed<TEpilogue>(IContraction contraction, Operand y, Operand weight, ArrayView<float> x, TEpilogue epilogue)
            where TEpilogue : struct, IElementwise =>
            contraction.Convolution(shape, y, weight, Operand.None, x, epilogue);
    }
}
