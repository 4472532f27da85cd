using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>
/// Contrastive mode where a bias is much larger than the contributions beside it, or cancels them exactly: the unit's value then says little about its
/// masses. Against the unit rule in double precision.
/// </summary>
public sealed class LargeBiasTests
{
    private static readonly Device Cpu = Device.Cpu();
    private static readonly Device[] Simulated = [Device.SimulatedGpu(1), Device.SimulatedGpu(64)];

    private static readonly Dictionary<string, Func<Random, Layer>> Layers = new()
    {
        ["narrow"] = r => Layer.Dense(r.Next(1, 5), 5, r.Next(1, 12)),
        ["wide"] = r => Layer.Dense(r.Next(1, 5), 60, r.Next(1, 20)),
        ["wide, whole lanes"] = r => Layer.Dense(r.Next(1, 5), 60, 16),
        ["many rows"] = _ => Layer.Dense(40, 50, 8),
        ["convolution"] = r => Layer.Convolution(r.Next(1, 3), r.Next(1, 4), r.Next(1, 4), 5),
        ["convolution, whole lanes"] = r => Layer.Convolution(2, 2, r.Next(1, 4), 8),
    };

    private static IEnumerable<string> Names => Layers.Keys;

    [Test]
    public void AgreesWithTheReference([ValueSource(nameof(Names))] string name, [Values(1e0f, 1e3f, 1e4f, 1e5f, 1e6f)] float size, [Values] bool nonNegative) => ForRandom(10, random =>
    {
        Layer layer = Layers[name](random);
        float[] x = [.. Enumerable.Range(0, layer.Inputs).Select(_ => random.Next(6) == 0 ? 0 : nonNegative ? random.NextSingle() : random.NextSingle() - 0.5f)];
        float[] weight = [.. Enumerable.Range(0, layer.Weights).Select(_ => random.NextSingle() - 0.5f)];
        float[] bias = [.. Enumerable.Range(0, layer.Channels).Select(_ => random.Next(4) == 0 ? random.NextSingle() : size * (random.NextSingle() - 0.5f))];
        AssertAgrees(layer, x, weight, bias, nonNegative, random);
    });

    [Test]
    public void UnitsThatAreExactly0AreAccountedFor([ValueSource(nameof(Names))] string name, [Values] bool nonNegative, [Values(1, 500)] int imbalance) => ForRandom(10, random =>
    {
        // Integers: every sum is exact, so that the bias of the first units of each channel cancels the rest.
        Layer layer = Layers[name](random);
        float[] x = [.. Enumerable.Range(0, layer.Inputs).Select(_ => (float)random.Next(nonNegative ? 0 : -3, 4))];
        float[] weight = [.. Enumerable.Range(0, layer.Weights).Select(_ => random.Next(5) == 0 ? -1f : imbalance)];
        float[] bias = [.. Enumerable.Range(0, layer.Channels).Select(c => -(float)layer.Contributions(layer.UnitOf(c), x, weight).Sum())];
        AssertAgrees(layer, x, weight, bias, nonNegative, random);
    });

    private static void AssertAgrees(Layer layer, float[] x, float[] weight, float[] bias, bool nonNegative, Random random)
    {
        float[] Draw() => [.. Enumerable.Range(0, layer.Units).Select(_ => random.Next(5) == 0 ? 0 : random.NextSingle())];
        float[] supporting = Draw(), opposing = Draw(), y = new float[layer.Units];
        double[][] expected = [new double[x.Length], new double[x.Length]];
        for (int unit = 0; unit < layer.Units; unit++)
        {
            double[] z = layer.Contributions(unit, x, weight), toSupporting = new double[z.Length], toOpposing = new double[z.Length];
            float b = bias[layer.ChannelOf(unit)];
            y[unit] = (float)(z.Sum() + b);
            ContrastiveReference.Unit(z, b, supporting[unit], opposing[unit], toSupporting, toOpposing);
            int k = 0;
            foreach ((int input, _) in layer.Taps(unit))
            {
                expected[0][input] += toSupporting[k];
                expected[1][input] += toOpposing[k++];
            }
        }

        Node node = new(layer.Operation, [new Values(x, layer.InputShape)], [new Values(supporting, layer.OutputShape)], layer.Samples)
        {
            Opposing = [new Values(opposing, layer.OutputShape)],
            Parameters = new() { ["weight"] = new Values(weight, weight.Length), ["bias"] = new Values(bias, bias.Length) },
            Output = new Values(y, layer.OutputShape),
            NonNegative = nonNegative,
        };
        foreach (Device device in (Device[])[Cpu, .. Simulated.Take(random.Next(8) == 0 ? 2 : 0)])
        {
            Outcome[] actual = RuleRunner.RunContrastive(device, node);
            for (int stream = 0; stream < 2; stream++)
            {
                double given = (stream == 0 ? supporting : opposing).Sum(v => (double)v);
                Assert.That(actual[stream].Total, Is.EqualTo(given).Within(1e-5 * given), $"stream {stream}");
                Assert.That(Deviation.Of(actual[stream].Relevance[0]!.Data, [.. expected[stream].Select(v => (float)v)]), Is.LessThanOrEqualTo(1e-5), $"stream {stream}");
            }
        }
    }

    private static void ForRandom(int count, Action<Random> check) =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), seed => check(new Random(seed))).Check(Seeded.Cases(count));

    /// <summary>A layer as a list of taps per unit.</summary>
    /// <param name="Operation">What the rule sees.</param>
    /// <param name="InputShape">Shape of x.</param>
    /// <param name="OutputShape">Shape of y.</param>
    /// <param name="Weights">Number of weights.</param>
    /// <param name="Plane">Units that share a bias and lie side by side.</param>
    /// <param name="Taps">Input and weight of each contribution of a unit.</param>
    private sealed record Layer(Operation Operation, long[] InputShape, long[] OutputShape, int Weights, int Plane, Func<int, IEnumerable<(int Input, int Weight)>> Taps)
    {
        public int Samples => (int)InputShape[0];

        public int Channels => (int)OutputShape[1];

        public int Inputs => (int)InputShape.Aggregate(1L, (a, b) => a * b);

        public int Units => (int)OutputShape.Aggregate(1L, (a, b) => a * b);

        public int ChannelOf(int unit) => unit / Plane % Channels;

        public int UnitOf(int channel) => channel * Plane;

        public double[] Contributions(int unit, float[] x, float[] weight) => [.. Taps(unit).Select(t => (double)x[t.Input] * weight[t.Weight])];

        public static Layer Dense(int rows, int inputs, int outputs) => new(
            new Linear(new LinearShape(rows, inputs, outputs)),
            [rows, inputs],
            [rows, outputs],
            outputs * inputs,
            1,
            unit => Enumerable.Range(0, inputs).Select(i => ((unit / outputs * inputs) + i, (unit % outputs * inputs) + i)));

        // A kernel of three over one axis, with padding.
        public static Layer Convolution(int samples, int inChannels, int outChannels, int length)
        {
            Size3 plane = new(1, 1, length), one = new(1, 1, 1);
            return new(
                new Convolution(new ConvolutionShape(samples, inChannels, outChannels, 1, plane, plane, new Size3(1, 1, 3), one, new Size3(0, 0, 1), one), 1),
                [samples, inChannels, length],
                [samples, outChannels, length],
                outChannels * inChannels * 3,
                length,
                unit =>
                    from c in Enumerable.Range(0, inChannels)
                    from tap in Enumerable.Range(0, 3)
                    let at = (unit % length) + tap - 1
                    where at >= 0 && at < length
                    select ((((unit / (length * outChannels) * inChannels) + c) * length) + at, (((unit / length % outChannels * inChannels) + c) * 3) + tap));
        }
    }
}
