using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>
/// Transposed convolutions as in the first implementation (rules.md, C.14): relevance is read at those output positions only whose indices are also input
/// positions, a quarter of them for a stride of 2 in two axes; all taps of an input pixel share what was read at its index. The rest is lost, and reported as
/// dropped. Shares of taps are added up at their pixel; saturation is not tested. Contrastive mode is canonical.
/// </summary>
public sealed class V1TransposedConvolutionRule : Rule<TransposedConvolution>
{
    private static readonly TransposedConvolutionRule Canonical = new();

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, TransposedConvolution operation)
    {
        ConvolutionShape shape = operation.Shape;
        Size3 grid = shape.Output, one = new(1, 1, 1);
        TransposedConvolutionRule.Map pixels = new(shape with { Input = grid, Kernel = one, Stride = one, Padding = default, Dilation = one });
        ArrayView<float> bias = context.Parameter("bias")?.Values ?? default, x = context.Input(0).Values, result = context.Give(0).Values;
        ArrayView<float> relevance = context.Relevance().Values, read = Read(context, shape), coefficients = context.Scratch(read.Length);
        Operand weights = Operand.Of(SumsOfTaps(context, shape.Kernel.Volume));
        pixels.Forward(context.Contraction, Operand.Abs(x), weights, bias.IsValid ? Operand.Abs(bias) : Operand.None, coefficients, default(NoEpilogue));
        context.Device.Run(new Coefficient { Relevance = read, Denominator = coefficients, Target = coefficients }, coefficients.Length);
        pixels.Transposed(context.Contraction, Operand.Of(coefficients), weights, result, new ScaleByAbsolute { Activation = x, Values = result });
        Affine.Account(context, read, coefficients, bias, grid.Volume);
        context.KeepRemainder(relevance, read);
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, TransposedConvolution operation) =>
        Canonical.ApplyContrastive(supporting, opposing);

    // The output's relevance at the input's positions; 0 where the output is smaller.
    private static ArrayView<float> Read(RuleContext context, ConvolutionShape shape)
    {
        Size3 grid = shape.Output, full = shape.Input;
        long planes = (long)shape.Batch * shape.InChannels;
        ArrayView<float> read = context.Scratch(planes * grid.Volume);
        StridedMap map = new(
        [
            new StrideAxis(planes, grid.Volume, full.Volume),
            new StrideAxis(Math.Min(grid.D, full.D), (long)grid.H * grid.W, (long)full.H * full.W),
            new StrideAxis(Math.Min(grid.H, full.H), grid.W, full.W),
            new StrideAxis(Math.Min(grid.W, full.W), 1, 1),
        ]);
        map.Run(context.Device, context.Relevance().Values, read, StridedSum.Plain);
        return read;
    }

    // Σ|w| over the taps: [I, O/groups].
    private static ArrayView<float> SumsOfTaps(RuleContext context, long taps)
    {
        ArrayView<float> weight = context.Parameter("weight")!.Value.Values, sums = context.Scratch(weight.Length / taps);
        context.Device.Run(new Fill { Target = sums, Value = 0 }, sums.Length);
        RowSums.Add(context.Device, new AbsoluteTerm { Values = weight }, sums.Length, taps, sums, context.Scratch(RowSums.ScratchLength(sums.Length, taps)));
        return sums;
    }
}
