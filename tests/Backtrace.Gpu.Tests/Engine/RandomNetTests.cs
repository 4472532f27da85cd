using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>What holds for every network (rules.md, D), over random graphs with fan-out.</summary>
public sealed class RandomNetTests
{
    private static readonly Device One = Device.Cpu(Workers.Single);

    private static IEnumerable<string> Devices => TestDevices.All;

    [TestCaseSource(nameof(Devices))]
    public void AgreesWithTheSlowReference(string device) => ForRandom(40, (random, net, input, seed) =>
    {
        bool saturation = random.Next(4) != 0;
        using Explanation e = Run(net, input, seed, device, new BacktracerOptions { Saturation = saturation });
        float[] x = input.Floats(), actual = e.Input.Floats();
        for (int n = 0; n < input.shape[0]; n++)
        {
            SlowReference reference = new(net, x[(n * RandomNet.Width)..((n + 1) * RandomNet.Width)], saturation);
            if (reference.Margin() < 1e-4)
                continue;
            float[] expected = [.. reference.Explain(seed[(n * RandomNet.Outputs)..((n + 1) * RandomNet.Outputs)]).Select(v => (float)v)];
            Explaining.AssertSame(actual[(n * RandomNet.Width)..((n + 1) * RandomNet.Width)], expected, 2e-5, $"sample {n}");
        }
    });

    [TestCaseSource(nameof(Devices))]
    public void ConservesRelevanceAndItsSign(string device) => ForRandom(25, (_, net, input, seed) =>
    {
        input[0, 0] = 0;
        using Explanation e = Run(net, input, seed, device, new BacktracerOptions { LedgerPerSample = true });
        Explaining.AssertConserved(e);
        Assert.That(e.Input.Floats(), Has.All.GreaterThanOrEqualTo(0));
        Assert.That(e.Ledger.Lines.SelectMany(l => l.In.Concat(l.Out).Concat(l.Bias).Concat(l.Dropped)), Has.All.GreaterThanOrEqualTo(0));
    });

    [Test]
    public void IsLinearInTheStartRelevance() => ForRandom(20, (random, net, input, first) =>
    {
        float[] second = [.. first.Select(_ => random.NextSingle() - 0.5f)];
        using Explanation a = Run(net, input, first), b = Run(net, input, second), both = Run(net, input, [.. first.Zip(second, (p, q) => p - (2 * q))]);
        Explaining.AssertSame(both.Input.Floats(), [.. a.Input.Floats().Zip(b.Input.Floats(), (p, q) => p - (2 * q))], 2e-5);
    });

    [Test]
    public void NeighboursInTheBatchDoNotMatter() => ForRandom(20, (_, net, input, seed) =>
    {
        using Explanation all = Run(net, input, seed);
        for (int n = 0; n < input.shape[0]; n++)
        {
            using Explanation alone = Run(net, input.narrow(0, n, 1), seed[(n * RandomNet.Outputs)..((n + 1) * RandomNet.Outputs)]);
            Explaining.AssertSame(all.Input.narrow(0, n, 1), alone.Input, 1e-6, $"sample {n}");
        }
    });

    [Test]
    public void TargetsOfOnePassAreAsEachAlone() => ForRandom(20, (_, net, input, seed) =>
    {
        Target[] targets = [Target.Argmax(), Target.Class(2) with { Scaler = null }, Target.Custom(seed), Target.TopK(2)];
        using Backtracer backtracer = new(null, x => [net.Forward(x[0])], TestDevices.Get("cpu"), new BacktracerOptions { LedgerPerSample = true });
        IReadOnlyList<Explanation> together = backtracer.Explain([input], targets);
        for (int k = 0; k < targets.Length; k++)
        {
            using Explanation alone = backtracer.Explain(input, targets[k]);
            Explaining.AssertSame(together[k].Input, alone.Input, 1e-6, $"{targets[k]}");
            Explaining.AssertConserved(together[k]);
            together[k].Dispose();
        }
    });

    [Test]
    public void TheSameRunGivesTheSameBitsOnAnyNumberOfThreads() => ForRandom(20, (_, net, input, seed) =>
    {
        BacktracerOptions options = new() { ContractionLibrary = ContractionLibrary.Managed };
        using Explanation first = Run(net, input, seed, "cpu", options), again = Run(net, input, seed, "cpu", options);
        using Backtracer backtracer = new(null, x => [net.Forward(x[0])], One, options);
        using Explanation single = backtracer.Explain(input, Target.Custom(seed));
        Assert.That(again.Prediction.Floats(), Is.EqualTo(first.Prediction.Floats()), "prediction");
        Assert.That(again.Input.Floats(), Is.EqualTo(first.Input.Floats()));
        Assert.That(single.Input.Floats(), Is.EqualTo(first.Input.Floats()));
    });

    [Test]
    public void ScalingALayerBeforeAReluDoesNotMatter()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(11);
        Tensor first = randn(8, 5), bias = randn(8), second = randn(3, 8), input = randn(4, 5);
        Func<Tensor, Tensor> Scaled(float factor) => x => nn.functional.linear(nn.functional.linear(x, first * factor, bias * factor).relu(), second, null);
        using Explanation expected = Explaining.Explain(Scaled(1), input, Target.Class(1));
        foreach (float factor in new[] { 8f, 0.3f, 1e-3f, 1e4f })
        {
            using Explanation e = Explaining.Explain(Scaled(factor), input, Target.Class(1));
            Explaining.AssertSame(e.Input, expected.Input, 1e-6, $"{factor}");
        }
    }

    private static Explanation Run(RandomNet net, Tensor input, float[] seed, string device = "cpu", BacktracerOptions? options = null) =>
        Explaining.Explain(net.Forward, input, Target.Custom(seed), options, device);

    private static void ForRandom(int count, Action<Random, RandomNet, Tensor, float[]> check) => Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), number =>
    {
        using var scope = NewDisposeScope();
        Random random = new(number);
        RandomNet net = new(random);
        int samples = random.Next(1, 4);
        Tensor input = tensor([.. Enumerable.Range(0, samples * RandomNet.Width).Select(_ => (random.NextSingle() * 4) - 2)]).reshape(samples, RandomNet.Width);
        check(random, net, input, [.. Enumerable.Range(0, samples * RandomNet.Outputs).Select(_ => random.NextSingle())]);
    }).Check(Seeded.Cases(count));
}
