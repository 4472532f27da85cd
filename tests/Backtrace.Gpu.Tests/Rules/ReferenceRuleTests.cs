using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>The rules of the reference implementations against their formulas, written out in float64 unit by unit.</summary>
public sealed class ReferenceRuleTests
{
    private const int Batch = 2, Channels = 3, Outputs = 4, Length = 9, Taps = 3, Stride = 2, Padding = 1, Positions = 5;

    private static readonly ConvolutionShape Shape = new(
        Batch, Channels, Outputs, 1, new Size3(1, 1, Length), new Size3(1, 1, Positions), new Size3(1, 1, Taps), new Size3(1, 1, Stride), new Size3(0, 0, Padding), new Size3(1, 1, 1));

    private static IEnumerable<string> Devices => TestDevices.All;

    [Test]
    public void V1TestsTheMassOfSaturatedConvolutions(
        [Values(Saturation.Tanh, Saturation.Sigmoid, Saturation.Softmax, Saturation.Swish)] Saturation saturation, [ValueSource(nameof(Devices))] string device, [Range(0, 2)] int seed)
    {
        Node node = Convolve(new Random(seed)) with { Saturation = saturation };
        double lost = 0;
        double[] expected = Literal(node, (z, b, u, hand) =>
        {
            double r = node.Relevance[0]!.Data[u], p = z.Where(v => v > 0).Sum(), n = -z.Where(v => v < 0).Sum(), s = p + n;
            double keepP = p > 0 ? 1 : 0, keepN = n > 0 ? 1 : 0;
            if (saturation == Saturation.Swish)
            {
                keepP *= s > -6 ? 1 : 0;
                keepN *= Math.Abs(Swish(s) - Swish(p + Math.Max(b, 0))) > 1e-5 ? 1 : 0;
                keepP *= Math.Abs(Swish(s) - Swish(-(n + Math.Max(-b, 0)))) > 1e-5 ? 1 : 0;
            }
            else
            {
                (double lower, double upper) = saturation switch { Saturation.Tanh => (-2.0, 2.0), Saturation.Sigmoid => (-4, 4), _ => (-1, 2) };
                keepP = s > lower ? 1 : 0;
                keepN = s < upper ? 1 : 0;
            }

            double d = s + Math.Abs(b);
            lost += r * ((1 - keepP) * p + (1 - keepN) * n) / d;
            for (int k = 0; k < z.Length; k++)
                hand(k, r * Math.Abs(z[k]) * (z[k] > 0 ? keepP : keepN) / d);
        });

        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.V1);
        Assert.That(Deviation.Of(outcome.Relevance[0]!.Data, Floats(expected)), Is.LessThanOrEqualTo(1e-5));
        Assert.That(outcome.Ledger[LedgerEntry.Dropped].Sum(), Is.EqualTo(lost).Within(1e-4));
        Assert.That(outcome.Total, Is.EqualTo(node.Relevance[0]!.Sum).Within(1e-4));
        Assert.That(lost, saturation == Saturation.Swish ? Is.GreaterThanOrEqualTo(0) : Is.GreaterThan(0.01), "the case shows the flaw");
    }

    [Test]
    public void V1LosesStreamsOfConvolutionsThatAreDirectedAtAMissingSign([ValueSource(nameof(Devices))] string device, [Range(0, 2)] int seed, [Values] bool nonNegative)
    {
        Node node = Convolve(new Random(seed), nonNegative);
        node.Opposing[0]!.Data[3] = node.Relevance[0]!.Data[3]; // a tie
        double[][] expected = new double[2][];
        for (int stream = 0; stream < 2; stream++)
        {
            bool isSupporting = stream == 0;
            expected[stream] = Literal(node, (z, b, u, hand) =>
            {
                double own = (isSupporting ? node.Relevance : node.Opposing)[0]!.Data[u], other = (isSupporting ? node.Opposing : node.Relevance)[0]!.Data[u];
                double p = z.Where(v => v > 0).Sum(), n = -z.Where(v => v < 0).Sum(), t = p - n + b;
                if (t == 0 || own == other)
                    return;
                bool toPositive = t > 0 == own > other; // the larger stream goes along the sign of t
                for (int k = 0; k < z.Length; k++)
                {
                    double part = toPositive ? Math.Max(z[k], 0) / (p == 0 ? 1 : p) : Math.Max(-z[k], 0) / (n == 0 ? 1 : n);
                    hand(k, own * part);
                }
            });
        }

        Outcome[] outcomes = RuleRunner.RunContrastive(TestDevices.Get(device), node, RuleSet.V1);
        Outcome[] canonical = RuleRunner.RunContrastive(TestDevices.Get(device), node);
        for (int stream = 0; stream < 2; stream++)
        {
            Assert.That(Deviation.Of(outcomes[stream].Relevance[0]!.Data, Floats(expected[stream])), Is.LessThanOrEqualTo(1e-5));
            Assert.That(outcomes[stream].Total, Is.EqualTo((stream == 0 ? node.Relevance : node.Opposing)[0]!.Sum).Within(1e-4));
            Assert.That(outcomes[stream].Ledger[LedgerEntry.Dropped].Sum(), Is.GreaterThan(canonical[stream].Ledger[LedgerEntry.Dropped].Sum()), "the case shows the flaw");
        }
    }

    [Test]
    public void V1PoolsOneAxisByTheSameFlawedRule([ValueSource(nameof(Devices))] string device)
    {
        PoolShape shape = new(1, new Size3(1, 1, 6), new Size3(1, 1, 3), new Size3(1, 1, 2), new Size3(1, 1, 2), default, new Size3(1, 1, 1));
        Node node = new(new AveragePooling(shape), [new Values([1, 3, 2, -1, -1, -4], 1, 1, 6)], [new Values([5, 7, 2], 1, 1, 3)], 1) { Opposing = [new Values([1, 8, 3], 1, 1, 3)] };
        Outcome[] outcomes = RuleRunner.RunContrastive(TestDevices.Get(device), node, RuleSet.V1);

        // Window 1: t > 0, R⁺ larger: R⁺ along 1 and 3, R⁻ has no negative entry. Window 2: t > 0, R⁻ larger. Window 3: t < 0, R⁻ larger: R⁺ has no positive entry.
        Assert.That(outcomes[0].Relevance[0]!.Data, Is.EqualTo(new[] { 1.25f, 3.75f, 0, 7, 0, 0 }).Within(1e-5));
        Assert.That(outcomes[1].Relevance[0]!.Data, Is.EqualTo(new[] { 0f, 0, 8, 0, 0.6f, 2.4f }).Within(1e-5));
    }

    [Test]
    public void V1GivesIdsTheMeanOfTheirRow([ValueSource(nameof(Devices))] string device)
    {
        Node node = new(new Embedding(), [new Values([4, 2], 1, 2)], [new Values([1, 2, 3, 4, 5, 7], 1, 2, 3)], 1) { Parameters = { ["weight"] = new Values(new float[15], 5, 3) } };
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.V1);
        Assert.That(outcome.Relevance[0]!.Data, Is.EqualTo(new[] { 2f, 16f / 3 }).Within(1e-5));
        Assert.That(outcome.Total, Is.EqualTo(22).Within(1e-4));
    }

    // R/2 + ΣR/2D for a product with the reciprocal root; a quotient gives all to what is divided.
    [TestCase(1, new float[] { 5.5f, 6.5f, 7.5f, 8.5f, 2.5f, 2.5f, 4.5f, 2.5f })]
    [TestCase(-1, new float[] { 5.5f, 6.5f, 7.5f, 8.5f, 2.5f, 2.5f, 4.5f, 2.5f })]
    [TestCase(0, new float[] { 3.5f, 5, 7.5f, 8, 2.5f, 3, 6.5f, 4 })]
    public void V2LetsWrittenOutNormalisationsLeakIntoTheirMean(int axis, float[] expected)
    {
        using var scope = NewDisposeScope();
        Tensor x = tensor(new float[] { 1, 8, -2, 4, 3, 1, 1, 2 }).reshape(2, 4);
        float[] start = [4, 6, 8, 10, 2, 2, 6, 2];
        Tensor Root(Tensor v) => v.pow(2).mean([axis], keepdim: true) + 1e-5;
        BacktracerOptions options = new() { Rules = RuleSet.V2 };
        // As many samples as rows, so that a mean over them is no mixture.
        float[] Run(Func<Tensor, Tensor> model, BacktracerOptions? with) => Explaining.Explain(v => model(v[0]).unsqueeze(0), x.unsqueeze(0), Target.Custom(start), with).Input.Floats();
        Assert.Multiple(() =>
        {
            Assert.That(Run(v => v * Root(v).rsqrt(), options), Is.EqualTo(expected).Within(1e-5));
            Assert.That(Run(v => Root(v).rsqrt() * v, options), Is.EqualTo(expected).Within(1e-5));
            Assert.That(Run(v => v / Root(v).sqrt(), options), Is.EqualTo(start));
            Assert.That(Run(v => v * Root(v).rsqrt(), null), Is.EqualTo(start));
        });
    }

    [Test]
    public void V2SharesSumsAndMeansEqually()
    {
        using var scope = NewDisposeScope();
        Tensor x = tensor(new float[] { 1, 8, 0, 4 }).reshape(1, 4);
        BacktracerOptions options = new() { Rules = RuleSet.V2 };
        using Explanation mean = Explaining.Explain(v => v.mean([1], keepdim: true), x, Target.Custom([4]), options);
        using Explanation constant = Explaining.Explain(v => v + ones(4), x, Target.Custom([2, 4, 6, 8]), options);
        using Explanation number = Explaining.Explain(v => v + 3, x, Target.Custom([2, 4, 6, 8]), options);
        using Backtracer two = new(null, v => [v[0] + v[1]], options: options);
        using Explanation broadcast = two.Explain([x, ones(1, 1)], Target.Custom([2, 4, 6, 8]));
        Assert.Multiple(() =>
        {
            Assert.That(mean.Input.Floats(), Is.EqualTo(new float[] { 1, 1, 1, 1 }));
            Assert.That(constant.Input.Floats(), Is.EqualTo(new float[] { 1, 2, 3, 4 }));
            Assert.That(constant.Ledger.Constants[0], Is.EqualTo(10));
            Assert.That(number.Input.Floats(), Is.EqualTo(new float[] { 2, 4, 6, 8 }));
            Assert.That(broadcast.Inputs[0].Floats(), Is.EqualTo(new float[] { 1, 2, 3, 4 }));
            Assert.That(broadcast.Inputs[1].Floats(), Is.EqualTo(new float[] { 10 }));
        });
    }

    [Test]
    public void V2NeverTestsSaturation()
    {
        using var scope = NewDisposeScope();
        var linear = nn.Linear(3, 1);
        nn.init.constant_(linear.weight!, 2);
        using Net model = new(x => linear.call(x).tanh(), ("linear", linear));
        Tensor x = tensor(new float[] { 3, -1, 1 }).reshape(1, 3);
        using Explanation tested = Explaining.Explain(model, x, Target.Argmax()), v2 = Explaining.Explain(model, x, Target.Argmax(), new BacktracerOptions { Rules = RuleSet.V2 });
        using Explanation untested = Explaining.Explain(model, x, Target.Argmax(), new BacktracerOptions { Saturation = false });
        Assert.That(v2.Input.Floats(), Is.EqualTo(untested.Input.Floats()));
        Assert.That(tested.Input.Floats()[1], Is.Zero);
        Assert.That(v2.Input.Floats()[1], Is.GreaterThan(0));
    }

    private static double Swish(double v) => v / (1 + Math.Exp(-0.75 * v));

    private static float[] Floats(double[] values) => [.. values.Select(v => (float)v)];

    // Channel 0 of the outputs has positive weights only, so that with non-negative inputs its units have one sign.
    private static Node Convolve(Random r, bool nonNegative = false)
    {
        float Value() => (float)(4 * r.NextDouble() - 2);
        Values x = Values.Of([Batch, Channels, Length], _ => nonNegative || r.Next(3) > 0 ? Math.Abs(Value()) : Value());
        Values weight = Values.Of([Outputs, Channels, Taps], k => k < Channels * Taps ? Math.Abs(Value()) : Value()), bias = Values.Of([Outputs], _ => Value());
        Values relevance = Values.Of([Batch, Outputs, Positions], _ => r.NextSingle()), opposing = Values.Of([Batch, Outputs, Positions], _ => r.NextSingle());
        Node node = new(new Convolution(Shape, 1), [x], [relevance], Batch)
        {
            Parameters = { ["weight"] = weight, ["bias"] = bias },
            Opposing = [opposing],
            NonNegative = nonNegative,
        };
        float[] output = new float[Batch * Outputs * Positions];
        Literal(node, (z, b, u, _) => output[u] = (float)(z.Sum() + b));
        return node with { Output = new Values(output, Batch, Outputs, Positions) };
    }

    // Visits each unit with its contributions, and adds up what it hands to them.
    private static double[] Literal(Node node, Action<double[], double, int, Action<int, double>> unit)
    {
        float[] x = node.Inputs[0].Data, weight = node.Parameters["weight"].Data, bias = node.Parameters["bias"].Data;
        double[] result = new double[x.Length];
        for (int u = 0; u < Batch * Outputs * Positions; u++)
        {
            int q = u % Positions, o = u / Positions % Outputs, sample = u / Positions / Outputs;
            List<double> z = [];
            List<int> places = [];
            for (int c = 0; c < Channels; c++)
            {
                for (int tap = 0; tap < Taps; tap++)
                {
                    int at = q * Stride + tap - Padding;
                    if (at < 0 || at >= Length)
                        continue;
                    places.Add((sample * Channels + c) * Length + at);
                    z.Add((double)weight[(o * Channels + c) * Taps + tap] * x[places[^1]]);
                }
            }

            unit([.. z], bias[o], u, (k, part) => result[places[k]] += part);
        }

        return result;
    }
}
