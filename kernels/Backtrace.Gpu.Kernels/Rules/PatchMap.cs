using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// A convolution whose windows tile the input, such as one that embeds patches: a product with the input's entries in another order, [samples, taps, positions].
/// Where windows are single entries they are in that order already.
/// </summary>
internal readonly struct PatchMap : ILinearMap
{
    private const int Large = 16;

    private readonly RuleContext context;
    private readonly ConvolutionShape shape;

    // From the input to the order of the product and back; none where they are the same.
    private readonly StridedMap? gather;
    private readonly StridedMap? scatter;

    public PatchMap(RuleContext context, ConvolutionShape shape)
    {
        this.context = context;
        this.shape = shape;
        if (shape.Kernel.Volume == 1)
            return;
        (Size3 kernel, Size3 output, long width) = (shape.Kernel, shape.Output, shape.Input.W);
        long positions = output.Volume, plane = shape.Input.H * width;
        StrideAxis[] axes =
        [
            new((long)shape.Batch * shape.InChannels, kernel.Volume * positions, shape.Input.Volume),
            new(kernel.H, kernel.W * positions, width),
            new(kernel.W, positions, 1),
            new(output.D, (long)output.H * output.W, plane),
            new(output.H, output.W, kernel.H * width),
            new(output.W, 1, kernel.W),
        ];
        gather = new StridedMap(axes);
        scatter = new StridedMap(axes.Select(axis => axis.Reversed));
    }

    /// <summary>
    /// True if a convolution is of this kind, and better off this way: where products are cuBLAS's, and for large windows. Those of processors serve single entries
    /// and small windows well as they are.
    /// </summary>
    public static bool Fits(Device device, ConvolutionShape shape) =>
        shape.Groups == 1 && shape.Kernel == shape.Stride && shape.Kernel.D == 1 && shape.Padding == default && shape.Dilation == new Size3(1, 1, 1)
        && shape.Input == new Size3(shape.Output.D, shape.Output.H * shape.Kernel.H, shape.Output.W * shape.Kernel.W)
        && (device.Kind == DeviceKind.Cuda || shape.Kernel.Volume >= Large);

    private long Taps => (long)shape.InChannels * shape.Kernel.Volume;

    private ProductShape Product => new(shape.Batch, shape.OutChannels, shape.Output.Volume, (int)Taps) { StrideA = 0, Accumulates = true };

    public Operand Magnitudes(RuleContext context) => Operand.Abs(context.Parameter("weight")!.Value.Values);

    public void Forward<TEpilogue>(IContraction contraction, Operand x, Operand weight, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise =>
        Forward(contraction, Product, x, weight, bias, y, epilogue);

    public void Values(IContraction contraction, Operand x, Operand weight, Operand bias, ArrayView<float> y) =>
        Forward(contraction, Product with { IsExact = true }, x, weight, bias, y, default(NoEpilogue));

    public void Transposed<TEpilogue>(IContraction contraction, Operand y, Operand weight, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        ProductShape product = new(shape.Batch, (int)Taps, shape.Output.Volume, shape.OutChannels) { TransposedA = true, StrideA = 0 };
        if (scatter is null)
        {
            contraction.Products(product, weight, y, x, epilogue);
            return;
        }

        ArrayView<float> patches = context.Scratch(x.Length);
        contraction.Products(product, weight, y, patches, default(NoEpilogue));
        scatter.Run(context.Device, patches, x, StridedSum.Plain);
        if (typeof(TEpilogue) != typeof(NoEpilogue))
            context.Device.Run(epilogue, x.Length);
    }

    private void Forward<TEpilogue>(IContraction contraction, ProductShape product, Operand x, Operand weight, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        ArrayView<float> patches = x.Values;
        if (gather != null)
        {
            patches = context.Scratch(x.Values.Length);
            gather.Run(context.Device, x.Values, patches, StridedSum.Plain);
        }

        if (bias.Values.IsValid)
        {
            StridedMap spread = StridedMap.Broadcast([shape.Batch, shape.OutChannels, shape.Output.Volume], [shape.OutChannels, 1]);
            spread.Run(context.Device, bias.Values, y, bias.Part == Part.Absolute ? StridedSum.OfAbsolute() : StridedSum.Plain);
        }
        else
        {
            product = product with { Accumulates = false };
        }

        contraction.Products(product, weight, new Operand(patches, x.Part), y, epilogue);
    }
}
