using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>The layers for which the reference implementations have rules of the wrong shape, or none.</summary>
public sealed class ReferenceShapeTests
{
    private static readonly Size3 One = new(1, 1, 1);

    private static IEnumerable<string> Devices => TestDevices.All;

    // A multiple of the size: each entry again and again. No multiple: all entries again and again. Smaller: cut off. A sum that is not positive stays.
    [TestCase(4, 2, new float[] { 1, 3 }, new[] { 0.5f, 0.5f, 1.5f, 1.5f }, 0)]
    [TestCase(5, 2, new float[] { 1, 3 }, new[] { 4f / 9, 12f / 9, 4f / 9, 12f / 9, 4f / 9 }, 0)]
    [TestCase(2, 3, new float[] { 1, 2, 3 }, new float[] { 2, 4 }, 0)]
    [TestCase(4, 2, new float[] { 1, -3 }, new float[] { 1, 1, -3, -3 }, 2)]
    public void V2ResizesTheRelevanceOfPooling(int input, int output, float[] relevance, float[] expected, float dropped)
    {
        PoolShape shape = new(1, new Size3(1, 1, input), new Size3(1, 1, output), new Size3(1, 1, 2), new Size3(1, 1, 2), default, One);
        foreach (string device in Devices)
        {
            foreach (Operation operation in new Operation[] { new MaxPooling(shape), new AveragePooling(shape) })
            {
                Node node = new(operation, [Values.Of([1, 1, input], k => 7 * k)], [new Values(relevance, 1, 1, output)], 1);
                Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.V2), canonical = RuleRunner.Run(TestDevices.Get(device), node);
                Assert.That(outcome.Relevance[0]!.Data, Is.EqualTo(expected).Within(1e-5));
                Assert.That(outcome.Ledger[LedgerEntry.Dropped][0], Is.EqualTo(dropped).Within(1e-5));
                Assert.That(canonical.Relevance[0]!.Data, Is.Not.EqualTo(expected).Within(1e-2), "the case shows the flaw");
            }
        }
    }

    [Test]
    public void V2ResizesEveryAxisAndKeepsSamplesApart([ValueSource(nameof(Devices))] string device)
    {
        PoolShape shape = new(2, new Size3(1, 4, 6), new Size3(1, 2, 2), new Size3(1, 2, 3), new Size3(1, 2, 3), default, One);
        Node node = new(new MaxPooling(shape), [Values.Of([2, 1, 4, 6], k => k)], [new Values([1, 2, 3, 4, 10, 20, 30, 40], 2, 1, 2, 2)], 2);
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.V2);
        float[] expected = new float[48];
        for (int i = 0; i < 48; i++)
            expected[i] = node.Relevance[0]!.Data[i / 24 * 4 + i / 6 % 4 / 2 * 2 + i % 6 / 3] / 6;
        Assert.That(outcome.Relevance[0]!.Data, Is.EqualTo(expected).Within(1e-5));
    }

    [Test]
    public void V2ResizesConvolutionsOverOneAxisOnly()
    {
        using var scope = NewDisposeScope();
        var one = nn.Conv1d(1, 2, 2);
        var two = nn.Conv2d(1, 2, 2);
        BacktracerOptions options = new() { Rules = RuleSet.V2 };
        using Net overOne = new(one.call, ("conv", one)), overTwo = new(two.call, ("conv", two));
        using Explanation line = Explaining.Explain(overOne, ones(1, 1, 3), Target.Custom([1, 2, 3, 4]), options);
        using Explanation plane = Explaining.Explain(overTwo, ones(1, 1, 3, 3), Target.Custom([1, 2, 3, 4, 5, 6, 7, 8]), options);
        using Explanation canonical = Explaining.Explain(overTwo, ones(1, 1, 3, 3), Target.Custom([1, 2, 3, 4, 5, 6, 7, 8]));
        Assert.Multiple(() =>
        {
            Assert.That(line.Input.Floats(), Is.EqualTo(new[] { 2.5f, 5f, 2.5f }).Within(1e-5), "channel 0, [1, 2, 1], rescaled to 10");
            Assert.That(plane.Input.Floats(), Is.EqualTo(canonical.Input.Floats()));
        });
    }

    [Test]
    public void V2RemovesNegativeRelevanceOfConcatenations([ValueSource(nameof(Devices))] string device)
    {
        Node node = new(new Concatenate(1), [new Values([1, 1, 1, 1], 2, 2), new Values([1, 1], 2, 1)], [new Values([3, -1, 2, 1, 1, -4], 2, 3)], 2);
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.V2);
        Assert.Multiple(() =>
        {
            Assert.That(outcome.Relevance[0]!.Data, Is.EqualTo(new[] { 2.4f, 0, 1, 1 }).Within(1e-5), "the second sample's sum is not positive: nothing is rescaled");
            Assert.That(outcome.Relevance[1]!.Data, Is.EqualTo(new[] { 1.6f, 0 }).Within(1e-5));
            Assert.That(outcome.Ledger[LedgerEntry.Dropped], Is.EqualTo(new float[] { 0, -4 }).Within(1e-5));
        });
    }

    // Two pixels, stride 2: only output positions 0 and 1 are read.
    [Test]
    public void V1ReadsTransposedConvolutionsAtTheInputsPositions([ValueSource(nameof(Devices))] string device)
    {
        ConvolutionShape shape = new(1, 1, 1, 1, new Size3(1, 1, 4), new Size3(1, 1, 2), new Size3(1, 1, 2), new Size3(1, 1, 2), default, One);
        Node node = new(new TransposedConvolution(shape, 1), [new Values([1, 2], 1, 1, 2)], [new Values([1, 2, 3, 4], 1, 1, 4)], 1) { Parameters = { ["weight"] = new Values([1, 3], 1, 1, 2) } };
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.V1);
        Assert.That(outcome.Relevance[0]!.Data, Is.EqualTo(new float[] { 1, 2 }).Within(1e-5));
        Assert.That(outcome.Ledger[LedgerEntry.Dropped][0], Is.EqualTo(7).Within(1e-5));
    }

    [Test]
    public void V1SharesAmongTheTapsOfAPixel([ValueSource(nameof(Devices))] string device, [Range(0, 1)] int seed)
    {
        const int Batch = 2, In = 3, Out = 2, Taps = 3, Side = 3, Full = 7;
        Random r = new(seed);
        float Value() => (float)(2 * r.NextDouble() - 1);
        ConvolutionShape shape = new(Batch, Out, In, 1, new Size3(1, Full, Full), new Size3(1, Side, Side), new Size3(1, Taps, Taps), new Size3(1, 2, 2), default, One);
        Values x = Values.Of([Batch, In, Side, Side], _ => Value()), relevance = Values.Of([Batch, Out, Full, Full], _ => r.NextSingle());
        Values weight = Values.Of([In, Out, Taps, Taps], _ => Value()), bias = Values.Of([Out], _ => Value());
        Node node = new(new TransposedConvolution(shape, 2), [x], [relevance], Batch) { Parameters = { ["weight"] = weight, ["bias"] = bias } };
        double[] expected = new double[x.Data.Length];
        double kept = 0, taken = 0;
        for (int unit = 0; unit < Batch * Out * Side * Side; unit++)
        {
            int column = unit % Side, row = unit / Side % Side, o = unit / (Side * Side) % Out, n = unit / (Side * Side * Out);
            double arrived = relevance.Data[((n * Out + o) * Full + row) * Full + column], d = Math.Abs(bias.Data[o]);
            int At(int c) => ((n * In + c) * Side + row) * Side + column;
            double Tap(int c, int tap) => Math.Abs(weight.Data[(c * Out + o) * Taps * Taps + tap] * x.Data[At(c)]);
            for (int c = 0; c < In; c++)
            {
                for (int tap = 0; tap < Taps * Taps; tap++)
                    d += Tap(c, tap);
            }

            for (int c = 0; c < In; c++)
            {
                for (int tap = 0; tap < Taps * Taps; tap++)
                    expected[At(c)] += arrived * Tap(c, tap) / d;
            }

            kept += arrived;
            taken += arrived * Math.Abs(bias.Data[o]) / d;
        }

        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.V1), canonical = RuleRunner.Run(TestDevices.Get(device), node);
        Assert.That(Deviation.Of(outcome.Relevance[0]!.Data, [.. expected.Select(v => (float)v)]), Is.LessThanOrEqualTo(1e-5));
        Assert.That(outcome.Ledger[LedgerEntry.Bias].Sum(), Is.EqualTo(taken).Within(1e-4));
        Assert.That(outcome.Ledger[LedgerEntry.Dropped].Sum(), Is.EqualTo(relevance.Sum - kept).Within(1e-3));
        Assert.That(canonical.Ledger.TryGetValue(LedgerEntry.Dropped, out float[]? dropped) ? dropped.Sum() : 0, Is.LessThan(1e-3), "the case shows the flaw");
    }

    [Test]
    public void NetworksOfSuchLayersCloseTheirLedger()
    {
        using var scope = NewDisposeScope();
        var conv = nn.Conv2d(1, 2, 3, padding: 1);
        var up = nn.ConvTranspose2d(2, 1, 2, stride: 2);
        using Net model = new(x => up.call(nn.functional.max_pool2d(cat([conv.call(x), x], 1).narrow(1, 0, 2), 2)).flatten(1), ("conv", conv), ("up", up));
        Tensor x = rand([2, 1, 4, 4], generator: new Generator().manual_seed(1));
        foreach (RuleSet rules in new[] { RuleSet.V1, RuleSet.V2 })
        {
            using Explanation e = Explaining.Explain(model, x, Target.Argmax(), new BacktracerOptions { Rules = rules });
            Assert.That(e.Ledger.Input.Sum() + e.Ledger.Bias.Sum() + e.Ledger.Dropped.Sum() + e.Ledger.Constants.Sum(), Is.EqualTo(e.Ledger.Start.Sum()).Within(1e-4));
        }
    }
}
