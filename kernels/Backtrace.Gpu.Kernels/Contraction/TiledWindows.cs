using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>A channel and a tap of a convolution's kernel, counted on without divisions.</summary>
internal struct TapCounter
{
    public Size3 Kernel;

    /// <summary>Four steps, in the digits of the count.</summary>
    public int StrideC;
    public int StrideD;
    public int StrideH;
    public int StrideW;

    public int C;
    public int D;
    public int H;
    public int W;

    public static TapCounter Of(Size3 kernel) => new()
    {
        Kernel = kernel,
        StrideC = 4 / kernel.Volume,
        StrideD = 4 / (kernel.H * kernel.W) % kernel.D,
        StrideH = 4 / kernel.W % kernel.H,
        StrideW = 4 % kernel.W,
    };

    public void Open(int step)
    {
        W = step % Kernel.W;
        int rest = step / Kernel.W;
        H = rest % Kernel.H;
        rest /= Kernel.H;
        D = rest % Kernel.D;
        C = rest / Kernel.D;
    }

    /// <summary>Four steps on.</summary>
    public void Advance()
    {
        W += StrideW;
        int carry = W >= Kernel.W ? 1 : 0;
        W -= carry * Kernel.W;
        H += StrideH + carry;
        carry = H >= Kernel.H ? 1 : 0;
        H -= carry * Kernel.H;
        D += StrideD + carry;
        carry = D >= Kernel.D ? 1 : 0;
        D -= carry * Kernel.D;
        C += StrideC + carry;
    }
}

/// <summary>Where a convolution's taps fall: one of two directions.</summary>
internal interface ITapDirection
{
    /// <summary>The image that is read.</summary>
    static abstract Size3 Source(in ConvolutionShape shape);

    /// <summary>The positions that are summed up.</summary>
    static abstract Size3 Target(in ConvolutionShape shape);

    /// <summary>The position that is read along one axis for a tap, or one outside of the image.</summary>
    static abstract int At(int position, int tap, int stride, int padding, int dilation);
}

/// <summary>y[q] reads x[q·stride + r·dilation − padding].</summary>
internal readonly struct Forward : ITapDirection
{
    public static Size3 Source(in ConvolutionShape shape) => shape.Input;

    public static Size3 Target(in ConvolutionShape shape) => shape.Output;

    public static int At(int position, int tap, int stride, int padding, int dilation) => position * stride + tap * dilation - padding;
}

/// <summary>x[p] reads y[(p + padding − r·dilation) / stride] where that is whole.</summary>
internal readonly struct Backward : ITapDirection
{
    public static Size3 Source(in ConvolutionShape shape) => shape.Output;

    public static Size3 Target(in ConvolutionShape shape) => shape.Input;

    public static int At(int position, int tap, int stride, int padding, int dilation)
    {
        int offset = position + padding - tap * dilation;
        int at = offset / stride;
        return at * stride == offset ? at : -1;
    }
}

/// <summary>
/// An image as the matrix that a convolution multiplies with: lines are positions of all samples, steps are channels of a group and taps.
/// </summary>
internal unsafe struct Windows<TDirection> : ITiledRight
    where TDirection : struct, ITapDirection
{
    public ArrayView<float> Values;
    public int Mask;
    public ConvolutionShape Shape;

    /// <summary>Channels of the image that is read, per group.</summary>
    public int Channels;
    public TapCounter Tap;
    private long image;
    private int d;
    private int h;
    private int w;
    private int within;

    public void Open(int group, long line, int step, int thread)
    {
        Size3 target = TDirection.Target(Shape);
        long mine = line + (thread & 63);
        int volume = target.Volume;
        long sample = mine / volume;
        within = sample < Shape.Batch ? 1 : 0;
        int position = (int)(mine - sample * volume);
        w = position % target.W;
        int rest = position / target.W;
        h = rest % target.H;
        d = rest / target.H;
        image = (sample * Shape.Groups + group) * Channels;
        Tap.Open(step + (thread >> 6));
    }

    public Quad Next() => new() { X = One(), Y = One(), Z = One(), W = One() };

    public static void Place(ArrayView<float> tile, int thread, Quad values) => TiledLayout.PlaceAlongLines(tile, thread, values);

    private float One()
    {
        Size3 source = TDirection.Source(Shape);
        int atD = TDirection.At(d, Tap.D, Shape.Stride.D, Shape.Padding.D, Shape.Dilation.D);
        int atH = TDirection.At(h, Tap.H, Shape.Stride.H, Shape.Padding.H, Shape.Dilation.H);
        int atW = TDirection.At(w, Tap.W, Shape.Stride.W, Shape.Padding.W, Shape.Dilation.W);
        bool inside = within != 0 & Tap.C < Channels & (uint)atD < (uint)source.D & (uint)atH < (uint)source.H & (uint)atW < (uint)source.W;
        long index = (image + Tap.C) * source.Volume + (atD * source.H + atH) * source.W + atW;
        float value = TiledLayout.Read(Values.Pointer(), index, inside, Mask);
        Tap.Advance();
        return value;
    }
}
