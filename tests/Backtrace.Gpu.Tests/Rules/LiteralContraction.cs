using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>The contractions as their definitions say, entry by entry on the host.</summary>
internal sealed unsafe class LiteralContraction(Device device) : IContraction
{
    public void Linear<TEpilogue>(in LinearShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        LinearShape s = shape;
        Compute(x, w, y, epilogue, (source, weight, target) =>
        {
            float[]? b = bias.IsPresent ? Read(bias) : null;
            for (int n = 0; n < s.Rows; n++)
            {
                for (int j = 0; j < s.Outputs; j++)
                {
                    double sum = b?[j] ?? 0;
                    for (int i = 0; i < s.Inputs; i++)
                        sum += (double)source[n * s.Inputs + i] * weight[j * s.Inputs + i];
                    target[n * s.Outputs + j] = sum;
                }
            }
        });
    }

    public void LinearTransposed<TEpilogue>(in LinearShape shape, Operand y, Operand w, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        LinearShape s = shape;
        Compute(y, w, x, epilogue, (source, weight, target) =>
        {
            for (int n = 0; n < s.Rows; n++)
            {
                for (int j = 0; j < s.Outputs; j++)
                {
                    for (int i = 0; i < s.Inputs; i++)
                        target[n * s.Inputs + i] += (double)source[n * s.Outputs + j] * weight[j * s.Inputs + i];
                }
            }
        });
    }

    public void Convolution<TEpilogue>(in ConvolutionShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        ConvolutionShape s = shape;
        Compute(x, w, y, epilogue, (source, weight, target) =>
        {
            if (bias.IsPresent)
                AddBias(target, Read(bias), s.Output.Volume);
            Taps(s, (input, output, tap) => target[output] += (double)source[input] * weight[tap]);
        });
    }

    public void ConvolutionTransposed<TEpilogue>(in ConvolutionShape shape, Operand y, Operand w, Operand bias, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        ConvolutionShape s = shape;
        Compute(y, w, x, epilogue, (source, weight, target) =>
        {
            if (bias.IsPresent)
                AddBias(target, Read(bias), s.Input.Volume);
            Taps(s, (input, output, tap) => target[input] += (double)source[output] * weight[tap]);
        });
    }

    private static void AddBias(double[] target, float[] bias, int inner)
    {
        for (int k = 0; k < target.Length; k++)
            target[k] += bias[k / inner % bias.Length];
    }

    private static void Taps(ConvolutionShape s, Action<int, int, int> visit)
    {
        int perGroup = s.InChannels / s.Groups, outPerGroup = s.OutChannels / s.Groups;
        for (int n = 0; n < s.Batch; n++)
        for (int o = 0; o < s.OutChannels; o++)
        for (int c = 0; c < perGroup; c++)
        for (int q = 0; q < s.Output.Volume; q++)
        for (int r = 0; r < s.Kernel.Volume; r++)
        {
            (int qd, int qh, int qw) = Split(q, s.Output);
            (int rd, int rh, int rw) = Split(r, s.Kernel);
            int d = qd * s.Stride.D + rd * s.Dilation.D - s.Padding.D;
            int h = qh * s.Stride.H + rh * s.Dilation.H - s.Padding.H;
            int w = qw * s.Stride.W + rw * s.Dilation.W - s.Padding.W;
            if (d < 0 || h < 0 || w < 0 || d >= s.Input.D || h >= s.Input.H || w >= s.Input.W)
                continue;
            int channel = o / outPerGroup * perGroup + c;
            visit(((n * s.InChannels + channel) * s.Input.D + d) * s.Input.H * s.Input.W + h * s.Input.W + w,
                (n * s.OutChannels + o) * s.Output.Volume + q, (o * perGroup + c) * s.Kernel.Volume + r);
        }
    }

    private static (int D, int H, int W) Split(int flat, Size3 size) => (flat / (size.H * size.W), flat / size.W % size.H, flat % size.W);

    private void Compute<TEpilogue>(Operand left, Operand right, ArrayView<float> result, TEpilogue epilogue, Action<float[], float[], double[]> body)
        where TEpilogue : struct, IElementwise
    {
        double[] sums = new double[result.Length];
        body(Read(left), Read(right), sums);
        float[] rounded = [.. sums.Select(v => (float)v)];
        fixed (float* source = rounded)
            device.Upload(source, result, rounded.Length);
        device.Run(epilogue, rounded.Length);
    }

    private float[] Read(Operand operand)
    {
        float[] values = new float[operand.Values.Length];
        fixed (float* target = values)
            device.Download(operand.Values, target, values.Length);
        return operand.Part == Part.Absolute ? [.. values.Select(MathF.Abs)] : values;
    }
}
