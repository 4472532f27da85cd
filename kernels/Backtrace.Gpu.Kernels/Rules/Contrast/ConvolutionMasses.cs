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
        ConvolutionUnit unit = ConvolutionUnit.Of(Shape, channel, position);
        float sum = 0;
        for (long c = 0; c < unit.Channels; c++)
        {
            float* source = x + (unit.Source + c * Shape.Input.Volume);
            float* weights = w + (unit.Weights + c * Shape.Kernel.Volume);
            for (int a = 0; a < Shape.Kernel.D; a++)
            {
                for (int b = 0; b < Shape.Kernel.H; b++)
                {
                    bool inside = unit.Row(Shape, a, b, out long row);
                    for (int e = 0; inside & e < Shape.Kernel.W; e++)
                    {
                        long at = unit.W + e * Shape.Dilation.W;
                        if (at >= 0 & at < Shape.Input.W)
                            sum += IntrinsicMath.Max(sign * weights[(a * Shape.Kernel.H + b) * Shape.Kernel.W + e] * source[row + at], 0f);
                    }
                }
            }
        }

        return sum;
    }
}
