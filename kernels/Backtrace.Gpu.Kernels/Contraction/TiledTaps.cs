using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// A convolution whose groups are too narrow to fill a tile, depthwise above all: each thread sums the channels and taps of its entries.
/// </summary>
internal unsafe struct TiledTaps<TDirection> : IKernel
    where TDirection : struct, ITapDirection
{
    public ArrayView<float> Image;
    public ArrayView<float> Weights;
    public ArrayView<float> Bias;
    public ArrayView<float> Target;
    public int MaskImage;
    public int MaskWeights;
    public int BiasMask;
    public ConvolutionShape Shape;

    /// <summary>Channels per group of the image that is read, and of the target.</summary>
    public int Channels;
    public int Rows;

    /// <summary>Distances in the weights, in kernels, from one channel to the next of the image and of the target.</summary>
    public int ChannelStride;
    public int RowStride;

    public readonly void Run(Share share)
    {
        float* image = Image.Pointer();
        float* weights = Weights.Pointer();
        float* bias = Bias.Pointer();
        float* target = Target.Pointer();
        Size3 from = TDirection.Source(Shape);
        Size3 to = TDirection.Target(Shape);
        long volume = to.Volume;
        int taps = Shape.Kernel.Volume;
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            long plane = i / volume;
            int position = (int)(i - plane * volume);
            int w = position % to.W;
            int h = position / to.W % to.H;
            int d = position / to.W / to.H;
            long channel = plane % (Shape.Groups * (long)Rows);
            long sample = plane / (Shape.Groups * (long)Rows);
            long group = channel / Rows;
            long row = channel - group * Rows;
            float sum = 0;
            for (int c = 0; c < Channels; c++)
            {
                long source = ((sample * Shape.Groups + group) * Channels + c) * from.Volume;
                long kernel = (group * Rows * Channels + c * (long)ChannelStride + row * RowStride) * taps;
                for (int tap = 0; tap < taps; tap++)
                {
                    int rest = tap / Shape.Kernel.W;
                    int atW = TDirection.At(w, tap - rest * Shape.Kernel.W, Shape.Stride.W, Shape.Padding.W, Shape.Dilation.W);
                    int atH = TDirection.At(h, rest % Shape.Kernel.H, Shape.Stride.H, Shape.Padding.H, Shape.Dilation.H);
                    int atD = TDirection.At(d, rest / Shape.Kernel.H, Shape.Stride.D, Shape.Padding.D, Shape.Dilation.D);
                    bool inside = (uint)atD < (uint)from.D & (uint)atH < (uint)from.H & (uint)atW < (uint)from.W;
                    long at = ((long)atD * from.H + atH) * from.W + atW;
                    sum += TiledLayout.Read(image, source + at, inside, MaskImage) * TiledLayout.Read(weights, kernel + tap, true, MaskWeights);
                }
            }

            target[i] = BiasMask != 0 ? sum + TiledLayout.Read(bias, channel, true, BiasMask) : sum;
        }
    }
}
