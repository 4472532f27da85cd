using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The masses of each unit of a convolution, from S in the memory of <see cref="P"/>: <see cref="HalfMasses{TLane}"/>, and sums of terms where those are not
/// exact.
/// </summary>
internal unsafe struct ConvolutionMasses : IElementwise
{
    public ArrayView<float> X;
    public ArrayView<float> W;
    public ArrayView<float> Value;
    public ArrayView<float> Bias;
    public int HasBias;
    public ArrayView<float> P;
    public ArrayView<float> N;
    public ConvolutionShape Shape;

    public static ConvolutionMasses Of(RuleContext context, ConvolutionShape shape, ArrayView<float> value, ArrayView<float> p, ArrayView<float> n)
    {
        DeviceTensor? bias = context.Parameter("bias");
        return new()
        {
            X = context.Input(0).Values,
            W = context.Parameter("weight")!.Value.Values,
            Value = value,
            Bias = bias?.Values ?? p,
            HasBias = bias is null ? 0 : 1,
            P = p,
            N = n,
            Shape = shape,
        };
    }

    // Once and for all: compiled anew for a first small batch, the loop was half as fast for large ones.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        long volume = Shape.Output.Volume;
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            // A lane may cross channels.
            long channel = Division.Quotient(i, volume);
            bool fits = i - channel * volume + TLane.Width <= volume;
            if (fits && TLane.IsZero(Halves<TLane>(i, channel)))
                continue;
            for (long unit = i; unit < i + TLane.Width; unit++)
            {
                if (fits || !Scalar.IsZero(Halves<Scalar>(unit, Division.Quotient(unit, volume))))
                    SumAnew(unit);
            }
        }
    }

    // The differences; not 0 where units are unbalanced.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly TLane Halves<TLane>(long i, long channel)
        where TLane : struct, ILane<TLane>
    {
        float* positive = P.Pointer() + i;
        TLane zero = TLane.All(0), bias = zero;
        if (HasBias != 0)
            bias = TLane.All(Bias.Pointer()[channel % Shape.OutChannels]);
        HalfMasses<TLane> masses = HalfMasses<TLane>.Of(TLane.Load(positive), TLane.Load(Value.Pointer() + i) - bias, bias);
        TLane.Store(positive, masses.P);
        TLane.Store(N.Pointer() + i, masses.N);
        return TLane.WhereGreater(zero, masses.N, TLane.All(1), zero);
    }

    private readonly void SumAnew(long i)
    {
        float* n = N.Pointer() + i;
        if (*n >= 0f)
            return;
        long channel = Division.Quotient(i, Shape.Output.Volume), position = i - channel * Shape.Output.Volume;
        P.Pointer()[i] = Sum(channel, position, 1f);
        *n = Sum(channel, position, -1f);
    }

    // The contributions of one sign to output channel (of all samples) and position.
    private readonly float Sum(long channel, long position, float sign)
    {
        float* x = X.Pointer();
        float* w = W.Pointer();
        long sample = channel / Shape.OutChannels, output = channel - sample * Shape.OutChannels;
        long perGroup = Shape.InChannels / Shape.Groups;
        long group = output / (Shape.OutChannels / Shape.Groups);
        long plane = (long)Shape.Output.H * Shape.Output.W;
        long d = position / plane, h = (position - d * plane) / Shape.Output.W, column = position - d * plane - h * Shape.Output.W;
        float* weights = w + output * perGroup * Shape.Kernel.Volume;
        float sum = 0;
        for (long c = 0; c < perGroup; c++)
        {
            float* source = x + (sample * Shape.InChannels + group * perGroup + c) * Shape.Input.Volume;
            for (int a = 0; a < Shape.Kernel.D; a++)
            {
                long z = d * Shape.Stride.D + a * Shape.Dilation.D - Shape.Padding.D;
                for (int b = 0; b < Shape.Kernel.H; b++)
                {
                    long y = h * Shape.Stride.H + b * Shape.Dilation.H - Shape.Padding.H;
                    bool inside = z >= 0 & z < Shape.Input.D & y >= 0 & y < Shape.Input.H;
                    for (int e = 0; inside & e < Shape.Kernel.W; e++)
                    {
                        long at = column * Shape.Stride.W + e * Shape.Dilation.W - Shape.Padding.W;
                        if (at >= 0 & at < Shape.Input.W)
                        {
                            float weight = weights[((c * Shape.Kernel.D + a) * Shape.Kernel.H + b) * Shape.Kernel.W + e];
                            sum += IntrinsicMath.Max(sign * weight * source[(z * Shape.Input.H + y) * Shape.Input.W + at], 0f);
                        }
                    }
                }
            }
        }

        return sum;
    }
}
