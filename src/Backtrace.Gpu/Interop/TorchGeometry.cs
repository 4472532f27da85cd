using Backtrace.Gpu.Kernels.Contraction;

namespace Backtrace.Gpu.Interop;

/// <summary>A convolution in libtorch's terms: over two spatial axes, or three where the first one is used.</summary>
internal sealed class TorchGeometry
{
    private readonly ConvolutionShape shape;
    private readonly int axes;

    public TorchGeometry(in ConvolutionShape shape)
    {
        this.shape = shape;
        axes = shape is { Input.D: 1, Output.D: 1, Kernel.D: 1, Padding.D: 0 } ? 2 : 3;
        Input = Axes(shape.Input);
        Output = Axes(shape.Output);
        Kernel = Axes(shape.Kernel);
        Stride = Axes(shape.Stride);
        Padding = Axes(shape.Padding);
        Dilation = Axes(shape.Dilation);
        Covered = new long[axes];
        OutputPadding = new long[axes];
        IsSymmetric = true;
        for (int a = 0; a < axes; a++)
        {
            Covered[a] = ((Output[a] - 1) * Stride[a]) + (Dilation[a] * (Kernel[a] - 1)) + 1;
            OutputPadding[a] = Input[a] + (2 * Padding[a]) - Covered[a];
            IsSymmetric &= OutputPadding[a] >= 0 && OutputPadding[a] < Stride[a];
        }
    }

    /// <summary>True if the same padding at both ends makes an output of the right size; libtorch knows no other.</summary>
    public bool IsSymmetric { get; }

    public long[] Input { get; }

    public long[] Output { get; }

    public long[] Kernel { get; }

    public long[] Stride { get; }

    public long[] Padding { get; }

    public long[] Dilation { get; }

    /// <summary>Number of positions from the first to the last that the kernel visits, padding included.</summary>
    public long[] Covered { get; }

    /// <summary>What the transpose must add at the end to reproduce the input's size.</summary>
    public long[] OutputPadding { get; }

    public long[] InputTensor => [shape.Batch, shape.InChannels, .. Input];

    public long[] CoveredTensor => [shape.Batch, shape.InChannels, .. Covered];

    public long[] OutputTensor => [shape.Batch, shape.OutChannels, .. Output];

    public long[] WeightTensor => [shape.OutChannels, shape.InChannels / shape.Groups, .. Kernel];

    public long[] None => new long[axes];

    public bool IsThreeDimensional => axes == 3;

    /// <summary>Number of input positions of an axis that the kernel visits: from position 0, which lies at Padding in the covered ones.</summary>
    public long Overlap(int axis) => Math.Max(0, Math.Min(Input[axis], Covered[axis] - Padding[axis]));

    /// <summary>Axis of a tensor.</summary>
    public static int TensorAxis(int axis) => axis + 2;

    private long[] Axes(Size3 size) => axes == 2 ? [size.H, size.W] : [size.D, size.H, size.W];
}
