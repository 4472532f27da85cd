using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>A convolution over one to three spatial axes. Parameters <c>weight</c> [O, C/groups, kernel], <c>bias</c> [O].</summary>
/// <param name="Shape">Sizes, stride, padding, dilation, groups.</param>
/// <param name="Axes">Number of spatial axes of the layer.</param>
public sealed record Convolution(ConvolutionShape Shape, int Axes) : Operation
{
    /// <inheritdoc/>
    public override string Name => $"Conv{Axes}d";

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => true;

    /// <inheritdoc/>
    public override bool ReadsOutput(Mode mode) => mode == Mode.Contrastive;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1);
        CheckKernel(Shape, shapes);
        shapes.Input(0, Shape.Batch, Shape.InChannels, Shape.Input.D, Shape.Input.H, Shape.Input.W);
        shapes.Output(0, Shape.Batch, Shape.OutChannels, Shape.Output.D, Shape.Output.H, Shape.Output.W);
        shapes.OptionalParameter("bias", Shape.OutChannels);
    }

    /// <summary>What a convolution and a transposed one need alike.</summary>
    internal static void CheckKernel(ConvolutionShape shape, NodeShapes shapes)
    {
        shapes.Require(shape.Groups > 0 && shape.InChannels % shape.Groups == 0 && shape.OutChannels % shape.Groups == 0, $"{shape.InChannels} and {shape.OutChannels} channels have no {shape.Groups} groups");
        foreach (Size3 size in new[] { shape.Kernel, shape.Stride, shape.Dilation })
            shapes.Require(size is { D: > 0, H: > 0, W: > 0 }, "sizes of the kernel, strides and dilations begin at 1");
        shapes.Parameter("weight", shape.OutChannels, shape.InChannels / shape.Groups, shape.Kernel.D, shape.Kernel.H, shape.Kernel.W);
    }
}

/// <summary>The rule of convolutions (rules.md, B.3, E.5). Relevance never lands on padding: padded taps contribute nothing.</summary>
public sealed class ConvolutionRule : Rule<Convolution>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Convolution operation)
    {
        if (PatchMap.Fits(context.Device, operation.Shape))
            Affine.Apply(context, new PatchMap(context, operation.Shape), operation.Shape.Output.Volume);
        else
            Affine.Apply(context, new Map(operation.Shape), operation.Shape.Output.Volume);
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, Convolution operation) =>
        ApplyContrastive(new StreamPair(supporting, opposing), operation.Shape);

    internal static void ApplyContrastive(in StreamPair pair, ConvolutionShape shape)
    {
        if (ContrastiveConvolution.Fits(pair, shape))
        {
            ContrastiveConvolution.Apply(pair, shape);
            return;
        }

        ContrastiveAffine.Apply(
            pair,
            new Map(shape),
            new Map(shape with { Batch = 2 * shape.Batch }),
            shape.Groups == 1 ? new Map(shape with { OutChannels = 2 * shape.OutChannels }) : null,
            ContrastiveConvolution.HasManyTaps(shape) ? shape : null);
    }

    internal readonly struct Map(ConvolutionShape shape) : ILinearMap
    {
        public Operand Magnitudes(RuleContext context) => Operand.Abs(context.Parameter("weight")!.Value.Values);

        public void Forward<TEpilogue>(IContraction contraction, Operand x, Operand weight, Operand bias, ArrayView<float> y, TEpilogue epilogue)
            where TEpilogue : struct, IElementwise =>
            contraction.Convolution(shape, x, weight, bias, y, epilogue);

        public void Values(IContraction contraction, Operand x, Operand weight, Operand bias, ArrayView<float> y) =>
            contraction.Convolution(shape with { IsExact = true }, x, weight, bias, y, default(NoEpilogue));

        public void Transposed<TEpilogue>(IContraction contraction, Operand y, Operand weight, ArrayView<float> x, TEpilogue epilogue)
            where TEpilogue : struct, IElementwise =>
            contraction.ConvolutionTransposed(shape, y, weight, Operand.None, x, epilogue);
    }
}
