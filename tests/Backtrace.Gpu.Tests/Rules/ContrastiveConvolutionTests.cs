using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>
/// Convolutions explained contrastively, with few and with many taps, of inputs of both signs and of such that cannot be negative; among the units are some whose contributions
/// are of one sign, or nearly: against the unit rule in double precision.
/// </summary>
public sealed class ContrastiveConvolutionTests
{
    // Contributions of a small sign, as a part of the others.
    private const float Little = 1e-3f;

    private static readonly Dictionary<string, ConvolutionShape> Shapes = new()
    {
        ["few taps"] = Shape(2, 1, 4, 1, new(1, 7, 6), new(1, 3, 3), stride: 1, padding: 1, dilation: 1),
        ["many taps"] = Shape(2, 3, 5, 1, new(1, 7, 6), new(1, 3, 3), stride: 1, padding: 1, dilation: 1),
        ["stride"] = Shape(2, 4, 3, 1, new(1, 9, 8), new(1, 3, 3), stride: 2, padding: 1, dilation: 1),
        ["groups, dilation"] = Shape(2, 4, 6, 2, new(1, 9, 8), new(1, 3, 3), stride: 1, padding: 2, dilation: 2),
        ["one axis"] = Shape(3, 6, 4, 1, new(1, 1, 40), new(1, 1, 5), stride: 1, padding: 2, dilation: 1),
        ["three axes"] = Shape(2, 2, 3, 1, new(4, 5, 6), new(3, 3, 3), stride: 1, padding: 1, dilation: 1),
        ["pointwise"] = Shape(2, 18, 5, 1, new(1, 4, 4), new(1, 1, 1), stride: 1, padding: 0, dilation: 1),
    };

    private static IEnumerable<string> Names => Shapes.Keys;

    private static IEnumerable<string> Devices => TestDevices.All;

    [Test]
    public void AgreesWithTheReference([ValueSource(nameof(Names))] string name, [Values] bool nonNegative, [ValueSource(nameof(Devices))] string device)
    {
        ConvolutionShape shape = Shapes[name];
        Random random = new(name.Length);
        int channels = shape.InChannels / shape.Groups, taps = channels * shape.Kernel.Volume;
        Values x = Values.Of([shape.Batch, shape.InChannels, shape.Input.D, shape.Input.H, shape.Input.W], i => Entry(random, i / shape.Input.Volume / shape.InChannels, i, nonNegative));
        Values weight = Values.Of([shape.OutChannels, channels, shape.Kernel.D, shape.Kernel.H, shape.Kernel.W], i => Entry(random, i / taps, i, nonNegative: false));
        Values bias = Values.Of([shape.OutChannels], _ => random.NextSingle() - 0.5f);
        long[] output = [shape.Batch, shape.OutChannels, shape.Output.D, shape.Output.H, shape.Output.W];
        Values Draw() => Values.Of(output, _ => random.Next(5) == 0 ? 0 : random.NextSingle());
        Values supporting = Draw(), opposing = Draw();
        float[] value = new float[supporting.Data.Length];
        double[][] expected = [new double[x.Data.Length], new double[x.Data.Length]];
        for (int unit = 0; unit < value.Length; unit++)
        {
            List<(int Input, int Weight)> pairs = Pairs(shape, unit);
            double[] z = [.. pairs.Select(p => (double)x.Data[p.Input] * weight.Data[p.Weight])];
            double[][] shares = [new double[z.Length], new double[z.Length]];
            float b = bias.Data[unit / shape.Output.Volume % shape.OutChannels];
            value[unit] = (float)(z.Sum() + b);
            ContrastiveReference.Unit(z, b, supporting.Data[unit], opposing.Data[unit], shares[0], shares[1]);
            for (int stream = 0; stream < 2; stream++)
            {
                for (int k = 0; k < z.Length; k++)
                    expected[stream][pairs[k].Input] += shares[stream][k];
            }
        }

        Node node = new(new Convolution(shape, 3), [x], [supporting], shape.Batch)
        {
            Opposing = [opposing],
            Parameters = new() { ["weight"] = weight, ["bias"] = bias },
            Output = new Values(value, output),
            NonNegative = nonNegative,
        };
        Outcome[] actual = RuleRunner.RunContrastive(TestDevices.Get(device), node);
        for (int stream = 0; stream < 2; stream++)
        {
            Assert.That(Deviation.Of(actual[stream].Relevance[0]!.Data, [.. expected[stream].Select(e => (float)e)]), Is.LessThanOrEqualTo(2e-5), $"stream {stream}");
            double given = (stream == 0 ? supporting : opposing).Sum;
            Assert.That(actual[stream].Total, Is.EqualTo(given).Within(1e-5 * given));
        }
    }

    // Of three samples, or filters, one has any signs, one is positive and one nearly.
    private static float Entry(Random random, int kind, int index, bool nonNegative)
    {
        float any = random.NextSingle() - 0.5f;
        return nonNegative || kind % 3 == 1 ? Math.Abs(any) : kind % 3 == 0 ? any : index % 7 == 2 ? -Little * Math.Abs(any) : Math.Abs(any);
    }

    private static List<(int Input, int Weight)> Pairs(ConvolutionShape s, int unit)
    {
        int channels = s.InChannels / s.Groups, position = unit % s.Output.Volume, output = unit / s.Output.Volume % s.OutChannels, sample = unit / s.Output.Volume / s.OutChannels;
        int group = output / (s.OutChannels / s.Groups);
        List<(int, int)> pairs = [];
        for (int tap = 0; tap < channels * s.Kernel.Volume; tap++)
        {
            int c = tap / s.Kernel.Volume, a = tap / s.Kernel.W / s.Kernel.H % s.Kernel.D, b = tap / s.Kernel.W % s.Kernel.H, e = tap % s.Kernel.W;
            int z = (position / s.Output.W / s.Output.H * s.Stride.D) + (a * s.Dilation.D) - s.Padding.D;
            int y = (position / s.Output.W % s.Output.H * s.Stride.H) + (b * s.Dilation.H) - s.Padding.H;
            int x = (position % s.Output.W * s.Stride.W) + (e * s.Dilation.W) - s.Padding.W;
            if (z >= 0 && z < s.Input.D && y >= 0 && y < s.Input.H && x >= 0 && x < s.Input.W)
                pairs.Add((((((((sample * s.InChannels) + (group * channels) + c) * s.Input.D) + z) * s.Input.H) + y) * s.Input.W + x, (output * channels * s.Kernel.Volume) + tap));
        }

        return pairs;
    }

    private static ConvolutionShape Shape(int batch, int inChannels, int outChannels, int groups, Size3 input, Size3 kernel, int stride, int padding, int dilation)
    {
        Size3 strides = Of(stride, 1), paddings = Of(padding, 0), dilations = Of(dilation, 1);
        int Size(int i, int k, int s, int p, int d) => ((i + (2 * p) - (d * (k - 1)) - 1) / s) + 1;
        Size3 output = new(
            Size(input.D, kernel.D, strides.D, paddings.D, dilations.D), Size(input.H, kernel.H, strides.H, paddings.H, dilations.H), Size(input.W, kernel.W, strides.W, paddings.W, dilations.W));
        return new ConvolutionShape(batch, inChannels, outChannels, groups, input, output, kernel, strides, paddings, dilations);

        Size3 Of(int wanted, int none) => new(input.D > 1 ? wanted : none, input.H > 1 ? wanted : none, wanted);
    }
}
