using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The masses p = (S + (y − b)) / 2 and n = (S − (y − b)) / 2 of each unit of a convolution of non-negative inputs, from S in the memory of
/// <see cref="P"/>. Where one of them is a small difference, both are summed anew.
/// </summary>
internal unsafe struct ConvolutionMasses : IKernel
{
    public ArrayView<float> X;
    public ArrayView<float> W;
    public ArrayView<float> Value;
    public ArrayView<float> Bias;
    public int HasBias;
    public ArrayView<float> P;
    public ArrayView<float> N;
    public ConvolutionShape Shape;

    public static ConvolutionMasses Of(RuleContext context, ConvolutionShape shape, ArrayView<float> p, ArrayView<float> n)
    {
        DeviceTensor? bias = context.Parameter("bias");
        return new()
        {
            X = context.Input(0).Values,
            W = context.Parameter("weight")!.Value.Values,
            Value = context.Output().Values,
            Bias = bias?.Values ?? p,
            HasBias = bias is null ? 0 : 1,
            P = p,
            N = n,
            Shape = shape,
        };
    }

    public readonly void Run(Share share)
    {
        float* value = Value.Pointer();
        float* bias = Bias.Pointer();
        float* positive = P.Pointer();
        float* negative = N.Pointer();
        long volume = Shape.Output.Volume;
        long channel = share.Begin / volume, inner = share.Begin - channel * volume;
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            float whole = positive[i];
            float difference = value[i] - (HasBias != 0 ? bias[channel % Shape.OutChannels] : 0f);
            float p = 0.5f * (whole + difference), n = 0.5f * (whole - difference);
            if (IntrinsicMath.Min(p, n) < ContrastiveLinear.Balanced * whole)
            {
                p = Sum(channel, inner, 1f);
                n = Sum(channel, inner, -1f);
            }

            positive[i] = p;
            negative[i] = n;
            inner += share.Step;
            while (inner >= volume)
            {
                inner -= volume;
                channel++;
            }
        }
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
                            sum += IntrinsicMath.Max(sign * weight, 0f) * source[(z * Shape.Input.H + y) * Shape.Input.W + at];
                        }
                    }
                }
            }
        }

        return sum;
    }
}
