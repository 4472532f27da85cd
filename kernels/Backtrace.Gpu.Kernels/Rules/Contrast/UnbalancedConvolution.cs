using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// Adds what the listed units of a convolution hand out, contribution by contribution. An item is an input channel of a sample; it walks through the units of the
/// sample that read it.
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
        float* list = List.Pointer();
        long volume = Shape.Output.Volume, channels = Shape.InChannels / Shape.Groups, perGroup = Shape.OutChannels / Shape.Groups;
        for (long item = share.Begin; item < share.End; item += share.Step)
        {
            long sample = item / Shape.InChannels, input = item - sample * Shape.InChannels, group = input / channels;
            long first = sample * Shape.OutChannels + group * perGroup;
            for (long channel = first; channel < first + perGroup; channel++)
            {
                float* positions = list + channel * (volume + 1);
                long count = Interop.FloatAsInt(positions[0]);
                for (long k = 1; k <= count; k++)
                    Add(channel, Interop.FloatAsInt(positions[k]), input - group * channels);
            }
        }
    }

    private readonly void Add(long channel, long position, long inputChannel)
    {
        long at = channel * Shape.Output.Volume + position;
        Shares<Scalar> shares = Shares<Scalar>.Of(
            Scalar.All(Shares.P.Pointer()[at]),
            Scalar.All(-Shares.N.Pointer()[at]),
            Scalar.All(Shares.Value.Pointer()[at]),
            Scalar.All(Shares.Supporting.Pointer()[at]),
            Scalar.All(Shares.Opposing.Pointer()[at]));
        ConvolutionUnit unit = ConvolutionUnit.Of(Shape, channel, position);
        long source = unit.Source + inputChannel * Shape.Input.Volume;
        float* x = X.Pointer() + source;
        float* w = W.Pointer() + (unit.Weights + inputChannel * Shape.Kernel.Volume);
        float* toSupporting = ToSupporting.Pointer() + source;
        float* toOpposing = ToOpposing.Pointer() + source;
        for (int a = 0; a < Shape.Kernel.D; a++)
        {
            for (int b = 0; b < Shape.Kernel.H; b++)
            {
                bool inside = unit.Row(Shape, a, b, out long row);
                for (int e = 0; inside & e < Shape.Kernel.W; e++)
                {
                    long column = unit.W + e * Shape.Dilation.W, i = row + column;
                    if (column >= 0 & column < Shape.Input.W)
                        Contributions.AddOne(x + i, w + ((a * Shape.Kernel.H + b) * Shape.Kernel.W + e), shares, toSupporting + i, toOpposing + i);
                }
            }
        }
    }
}
