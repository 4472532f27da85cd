using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Indexing;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>Where one unit of a convolution finds what it sums.</summary>
internal struct ConvolutionUnit
{
    /// <summary>Input channels of its group.</summary>
    public long Channels;

    /// <summary>Place of the first of them in the input.</summary>
    public long Source;

    /// <summary>Place of its weights.</summary>
    public long Weights;

    // Position of the first tap, which may lie outside of the input.
    public long D;
    public long H;
    public long W;

    /// <param name="shape">The convolution.</param>
    /// <param name="channel">Output channel, of the channels of all samples.</param>
    /// <param name="position">Position in the channel.</param>
    public static ConvolutionUnit Of(in ConvolutionShape shape, long channel, long position)
    {
        long sample = channel / shape.OutChannels, output = channel - sample * shape.OutChannels;
        long channels = shape.InChannels / shape.Groups, group = output / (shape.OutChannels / shape.Groups);
        long plane = (long)shape.Output.H * shape.Output.W;
        long d = Division.Quotient(position, plane), h = Division.Quotient(position - d * plane, shape.Output.W), w = position - d * plane - h * shape.Output.W;
        return new ConvolutionUnit
        {
            Channels = channels,
            Source = (sample * shape.InChannels + group * channels) * shape.Input.Volume,
            Weights = output * channels * shape.Kernel.Volume,
            D = d * shape.Stride.D - shape.Padding.D,
            H = h * shape.Stride.H - shape.Padding.H,
            W = w * shape.Stride.W - shape.Padding.W,
        };
    }

    /// <summary>True if a row of taps lies inside of the input; where that row begins in a channel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool Row(in ConvolutionShape shape, long a, long b, out long row)
    {
        long z = D + a * shape.Dilation.D, y = H + b * shape.Dilation.H;
        row = (z * shape.Input.H + y) * shape.Input.W;
        return z >= 0 & z < shape.Input.D & y >= 0 & y < shape.Input.H;
    }
}
