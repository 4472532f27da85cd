using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// Adds what the listed units of a convolution hand out, contribution by contribution. An item is a line of the input, along its last axis: it looks for the units that
/// read it.
/// </summary>
internal unsafe struct UnbalancedConvolution : IKernel
{
    public ArrayView<float> X;
    public ArrayView<float> W;
    public ConvolutionShape Shape;

    /// <summary>[samples · output channels, 1 + positions], see <see cref="UnbalancedUnits"/>.</summary>
    public ArrayView<float> List;

    /// <summary>What the units have and hold, with a sign bit at n.</summary>
    public SignedShares Shares;
    public ArrayView<float> ToSupporting;
    public ArrayView<float> ToOpposing;

    public readonly void Run(Share share)
    {
        long lines = (long)Shape.Input.D * Shape.Input.H, channels = Shape.InChannels / Shape.Groups;
        long known = -1;
        bool isEmpty = false;
        for (long item = share.Begin; item < share.End; item += share.Step)
        {
            long plane = Division.Quotient(item, lines), line = item - plane * lines;
            long sample = Division.Quotient(plane, Shape.InChannels), input = plane - sample * Shape.InChannels;
            long group = Division.Quotient(input, channels), set = sample * Shape.Groups + group;
            if (set != known)
                (known, isEmpty) = (set, IsEmpty(set));
            if (isEmpty)
                continue;
            long z = Division.Quotient(line, Shape.Input.H), y = line - z * Shape.Input.H;
            Line(set, input - group * channels, z, y, item * Shape.Input.W);
        }
    }

    // Whether no unit of a group of a sample is listed.
    private readonly bool IsEmpty(long set)
    {
        float* list = List.Pointer();
        long perGroup = Shape.OutChannels / Shape.Groups;
        for (long channel = set * perGroup; channel < (set + 1) * perGroup; channel++)
        {
            if (Interop.FloatAsInt(list[channel * (Shape.Output.Volume + 1)]) > 0)
                return false;
        }

        return true;
    }

    private readonly void Line(long set, long input, long z, long y, long target)
    {
        long perGroup = Shape.OutChannels / Shape.Groups, channels = Shape.InChannels / Shape.Groups;
        for (long channel = set * perGroup; channel < (set + 1) * perGroup; channel++)
        {
            float* positions = List.Pointer() + channel * (Shape.Output.Volume + 1);
            long count = Interop.FloatAsInt(positions[0]);
            long weights = ((channel - Division.Quotient(channel, Shape.OutChannels) * Shape.OutChannels) * channels + input) * Shape.Kernel.Volume;
            for (int a = 0; count > 0 & a < Shape.Kernel.D; a++)
            {
                long d = Reader(z, a, Shape.Stride.D, Shape.Padding.D, Shape.Dilation.D, Shape.Output.D);
                for (int b = 0; d >= 0 & b < Shape.Kernel.H; b++)
                {
                    long h = Reader(y, b, Shape.Stride.H, Shape.Padding.H, Shape.Dilation.H, Shape.Output.H);
                    if (h >= 0)
                        Units(channel, positions, count, (d * Shape.Output.H + h) * Shape.Output.W, target, weights + (a * Shape.Kernel.H + b) * Shape.Kernel.W);
                }
            }
        }
    }

    // The units of one line of an output channel, from position first on.
    private readonly void Units(long channel, float* positions, long count, long first, long target, long weights)
    {
        float* x = X.Pointer();
        float* w = W.Pointer();
        float* toSupporting = ToSupporting.Pointer();
        float* toOpposing = ToOpposing.Pointer();
        for (long k = FirstFrom(positions, count, first); k <= count; k++)
        {
            long position = Interop.FloatAsInt(positions[k]), at = channel * Shape.Output.Volume + position;
            if (position >= first + Shape.Output.W)
                return;
            Shares<Scalar> shares = Shares.At(at);
            for (int e = 0; e < Shape.Kernel.W; e++)
            {
                long column = (position - first) * Shape.Stride.W + e * Shape.Dilation.W - Shape.Padding.W, i = target + column;
                if (column >= 0 & column < Shape.Input.W)
                    Contributions.AddOne(x + i, w + (weights + e), shares, toSupporting + i, toOpposing + i);
            }
        }
    }

    // The first of the listed positions, which ascend, that is not before another one.
    private static long FirstFrom(float* positions, long count, long position)
    {
        long low = 1, high = count + 1;
        while (low < high)
        {
            long middle = (low + high) >> 1;
            if (Interop.FloatAsInt(positions[middle]) < position)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }

    // The output position whose given tap reads an input position; −1 if there is none.
    private static long Reader(long position, int tap, int stride, int padding, int dilation, int outputs)
    {
        long reach = position + padding - (long)tap * dilation;
        long reader = reach / stride;
        return reach >= 0 & reader * stride == reach & reader < outputs ? reader : -1;
    }
}
