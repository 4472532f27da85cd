using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Transformers;

/// <summary>The rule of attention as one operator (rules.md, B.12, D).</summary>
public sealed class AttentionTests
{
    // Sequences of 150 tokens take the emulation a minute; golden cases and tests of rules run attention on it.
    private static IEnumerable<string> Devices => TestDevices.Present;

    [Test]
    public void EqualsTheAttentionWrittenOut([Values] Mode mode, [Values] Masking masking, [ValueSource(nameof(Devices))] string device)
    {
        using var scope = NewDisposeScope();
        AttentionCase attention = new(2, 3, 150, masking == Masking.Causal ? 150 : 170, 9, 11, masking, 3);
        Tensor[] inputs = attention.Inputs();
        Target target = Seeds(attention.Fused(inputs), mode);
        using Explanation one = Explain(attention.Fused, inputs, target, mode, device), many = Explain(attention.WrittenOut, inputs, target, mode, device);
        foreach ((RelevanceStream a, RelevanceStream b) in one.Streams.Zip(many.Streams))
        {
            for (int k = 0; k < 3; k++)
                AssertSameButTies(a.Inputs[k].Floats(), b.Inputs[k].Floats(), mode, $"input {k}");
        }
    }

    // In contrastive mode rounding decides for which stream a unit is that is nearly tied, one in some ten thousand: then a row of the scores is shared out otherwise.
    private static void AssertSameButTies(float[] actual, float[] expected, Mode mode, string what)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length), what);
        double scale = expected.Max(Math.Abs);
        Assert.That(actual.Zip(expected).Count(p => !(Math.Abs((double)p.First - p.Second) <= 1e-5 * scale)), Is.LessThanOrEqualTo(mode == Mode.Contrastive ? expected.Length / 50 : 0), what);
        Assert.That(actual.Sum(v => (double)v), Is.EqualTo(expected.Sum(v => (double)v)).Within(1e-5 * expected.Sum(v => (double)v)), what);
    }

    [Test]
    public void GivesHalfToValuesAndAQuarterToQueriesAndKeys() => ForRandom(30, (random, attention, inputs) =>
    {
        Target target = Seeds(attention.Fused(inputs), Mode.Contrastive);
        using Explanation both = Explain(attention.Fused, inputs, target, Mode.Contrastive);
        using Explanation single = Explain(attention.Fused, inputs, Seeds(attention.Fused(inputs), Mode.Default), Mode.Default);
        foreach (RelevanceStream stream in both.Streams.Concat(single.Streams))
        {
            Assert.That(stream.Inputs.SelectMany(i => i.Floats()), Has.All.GreaterThanOrEqualTo(0));
            for (int n = 0; n < stream.Ledger.Start.Count; n++)
            {
                double start = stream.Ledger.Start[n];
                Assert.That(stream.Ledger.Dropped[n], Is.Zero);
                double[] parts = [.. stream.Inputs.Select(i => (double)i[n].sum().item<float>() / start)];
                Assert.That(parts, Is.EqualTo(new[] { 0.25, 0.25, 0.5 }).Within(2e-5));
            }
        }
    });

    [Test]
    public void IsLinearInDefaultMode() => ForRandom(15, (random, attention, inputs) =>
    {
        Tensor output = attention.Fused(inputs);
        float[] a = [.. Enumerable.Range(0, (int)output.numel()).Select(_ => random.NextSingle())], b = [.. a.Select(_ => random.NextSingle())];
        using Backtracer backtracer = new(null, x => [attention.Fused(x)], TestDevices.Get("cpu"));
        IReadOnlyList<Explanation> all = backtracer.Explain(inputs, [Target.Custom(a), Target.Custom(b), Target.Custom([.. a.Zip(b, (x, y) => x + (2 * y))])]);
        for (int k = 0; k < 3; k++)
            Explaining.AssertSame(all[2].Inputs[k], all[0].Inputs[k] + (2 * all[1].Inputs[k]), 1e-5);
        foreach (Explanation e in all)
            e.Dispose();
    });

    [Test]
    public void KeysThatNobodySeesGetNothing([Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        AttentionCase attention = new(2, 2, 140, 140, 8, 8, Masking.Causal, 5);
        Tensor[] inputs = attention.Inputs();
        Tensor seed = zeros(2, 2, 140, 8);
        seed[TensorIndex.Colon, TensorIndex.Colon, 70] = 1;
        float[] last = seed.Floats();
        using Explanation e = Explain(attention.Fused, inputs, mode == Mode.Default ? Target.Custom(last) : Target.Custom(last, [.. last.Select(v => v / 2)]), mode);
        foreach (RelevanceStream stream in e.Streams)
        {
            for (int k = 1; k < 3; k++)
            {
                Assert.That(stream.Inputs[k].narrow(2, 71, 69).Floats(), Has.All.Zero);
                Assert.That(stream.Inputs[k].narrow(2, 0, 71).Floats(), Has.Some.Positive);
            }

            Assert.That(stream.Inputs[0].narrow(2, 0, 70).Floats(), Has.All.Zero);
        }
    }

    [Test]
    public void PaddedSamplesAreAsEachAlone([Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        int[] lengths = [90, 31];
        AttentionCase attention = new(2, 2, 90, 90, 8, 8, Masking.None, 6);
        Tensor[] inputs = attention.Inputs();
        Tensor seen = arange(90).unsqueeze(0) < tensor(lengths).unsqueeze(1);
        Tensor Padded(IReadOnlyList<Tensor> x) => F.scaled_dot_product_attention(x[0], x[1], x[2], seen.view(2, 1, 1, 90));
        Tensor relevance = rand(2, 2, 90, 8) * seen.view(2, 1, 90, 1).to(float32);
        using Explanation all = Explain(Padded, inputs, Of(relevance, mode), mode);
        for (int n = 0; n < 2; n++)
        {
            Tensor[] own = [.. inputs.Select(i => i.narrow(0, n, 1).narrow(2, 0, lengths[n]).contiguous())];
            using Explanation alone = Explain(x => F.scaled_dot_product_attention(x[0], x[1], x[2]), own, Of(relevance.narrow(0, n, 1).narrow(2, 0, lengths[n]), mode), mode);
            foreach ((RelevanceStream a, RelevanceStream b) in all.Streams.Zip(alone.Streams))
            {
                for (int k = 0; k < 3; k++)
                {
                    Explaining.AssertSame(a.Inputs[k].narrow(0, n, 1).narrow(2, 0, lengths[n]), b.Inputs[k], 2e-6, $"input {k} of sample {n}");
                    Assert.That(a.Inputs[k].narrow(0, n, 1).narrow(2, lengths[n], 90 - lengths[n]).Floats(), Has.All.Zero);
                }
            }
        }
    }

    [Test]
    public void MemoryDoesNotGrowWithQueriesTimesKeys([Values] Mode mode)
    {
        long Peak(int length)
        {
            using var scope = NewDisposeScope();
            AttentionCase attention = new(1, 2, length, length, 8, 8, Masking.Causal, 7);
            Tensor[] inputs = attention.Inputs();
            using Explanation e = Explain(attention.Fused, inputs, Seeds(attention.Fused(inputs), mode), mode);
            return e.Facts.PeakBytes;
        }

        // One [2, 3000, 3000] array of weights alone would take 72 MB.
        Assert.That(Peak(3000), Is.LessThan(mode == Mode.Default ? 20_000_000 : 40_000_000));
    }

    [Test]
    public void DropoutIsRefused()
    {
        using var scope = NewDisposeScope();
        Tensor[] inputs = new AttentionCase(1, 1, 3, 3, 2, 2, Masking.None, 1).Inputs();
        Assert.That(
            () => Explain(x => F.scaled_dot_product_attention(x[0], x[1], x[2], null, 0.5), inputs, Target.Custom(new float[6]), Mode.Default),
            Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("dropout of 0"));
    }

    private static Explanation Explain(Func<IReadOnlyList<Tensor>, Tensor> forward, Tensor[] inputs, Target target, Mode mode, string device = "cpu")
    {
        BacktracerOptions options = new() { Mode = mode, LedgerPerSample = true };
        using Backtracer backtracer = new(null, x => [forward(x)], TestDevices.Get(device), options);
        return backtracer.Explain(inputs, target);
    }

    private static Target Seeds(Tensor output, Mode mode) => Of(rand_like(output), mode);

    private static Target Of(Tensor relevance, Mode mode)
    {
        float[] supporting = relevance.Floats();
        return mode == Mode.Default ? Target.Custom(supporting) : Target.Custom(supporting, [.. supporting.Select(v => v * (1 + MathF.Sin(1000 * v)))]);
    }

    private static void ForRandom(int count, Action<Random, AttentionCase, Tensor[]> check) =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), seed =>
        {
            using var scope = NewDisposeScope();
            Random random = new(seed);
            int queries = random.Next(1, 90), keys = random.Next(1, 90);
            AttentionCase attention = new(random.Next(1, 4), random.Next(1, 4), queries, keys, random.Next(2, 12), random.Next(1, 12), (Masking)random.Next(4), seed);
            check(random, attention, attention.Inputs());
        }).Check(Seeded.Cases(count));
}
