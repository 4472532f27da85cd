using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Contrastive mode on whole networks (rules.md, D).</summary>
public sealed class ContrastiveNetTests
{
    private static readonly BacktracerOptions Contrastive = new() { Mode = Mode.Contrastive, LedgerPerSample = true };

    private static IEnumerable<string> Devices => TestDevices.All;

    [TestCaseSource(nameof(Devices))]
    public void ConservesBothStreams(string device) => ForRandom(25, (net, input, supporting, opposing) =>
    {
        using Explanation e = Explaining.Explain(net.Forward, input, Target.Custom(supporting, opposing), Contrastive, device);
        foreach ((RelevanceStream stream, float[] seed) in new[] { (e.Positive, supporting), (e.Negative, opposing) })
        {
            Assert.That(stream.Input.Floats(), Has.All.GreaterThanOrEqualTo(0));
            Assert.That(stream.Ledger.Bias, Has.All.Zero);
            for (int n = 0; n < stream.Ledger.Start.Count; n++)
            {
                double start = seed.Skip(n * RandomNet.Outputs).Take(RandomNet.Outputs).Sum();
                Assert.That(stream.Ledger.Start[n], Is.EqualTo(start).Within(1e-5));
                Assert.That(stream.Ledger.Input[n] + stream.Ledger.Dropped[n], Is.EqualTo(start).Within(1e-5 * Math.Max(start, 1e-3)));
                double atInput = stream.Input[n].sum().item<float>();
                Assert.That(atInput, Is.EqualTo(stream.Ledger.Input[n]).Within(1e-5 * Math.Max(start, 1e-3)));
            }
        }
    });

    [Test]
    public void NeighboursInTheBatchDoNotMatter() => ForRandom(20, (net, input, supporting, opposing) =>
    {
        using Explanation all = Explaining.Explain(net.Forward, input, Target.Custom(supporting, opposing), Contrastive);
        for (int n = 0; n < input.shape[0]; n++)
        {
            Range part = (n * RandomNet.Outputs)..((n + 1) * RandomNet.Outputs);
            using Explanation alone = Explaining.Explain(net.Forward, input.narrow(0, n, 1), Target.Custom(supporting[part], opposing[part]), Contrastive);
            Explaining.AssertSame(all.Positive.Input.narrow(0, n, 1), alone.Positive.Input, 1e-6, $"sample {n}");
            Explaining.AssertSame(all.Negative.Input.narrow(0, n, 1), alone.Negative.Input, 1e-6, $"sample {n}");
        }
    });

    [Test]
    public void TargetsOfOnePassAreAsEachAlone() => ForRandom(10, (net, input, supporting, opposing) =>
    {
        Target[] targets = [Target.Argmax(), Target.Class(2), Target.Custom(supporting, opposing)];
        using Backtracer backtracer = new(null, x => [net.Forward(x[0])], TestDevices.Get("cpu"), Contrastive);
        IReadOnlyList<Explanation> together = backtracer.Explain([input], targets);
        for (int k = 0; k < targets.Length; k++)
        {
            using Explanation alone = backtracer.Explain(input, targets[k]);
            Explaining.AssertSame(together[k].Positive.Input, alone.Positive.Input, 1e-6, $"{targets[k]}");
            Explaining.AssertSame(together[k].Negative.Input, alone.Negative.Input, 1e-6, $"{targets[k]}");
            together[k].Dispose();
        }
    });

    [Test]
    public void ReadsTheOutputOfALayerThatIsOverwritten()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(3);
        Tensor weight = randn(6, 60), second = randn(3, 6), input = randn(4, 60);
        Tensor Plain(Tensor x) => nn.functional.linear(nn.functional.linear(x, weight, null).relu(), second, null);
        Tensor InPlace(Tensor x) => nn.functional.linear(nn.functional.linear(x, weight, null).relu_(), second, null);
        using Explanation expected = Explaining.Explain(Plain, input, Target.Argmax(), Contrastive);
        using Explanation actual = Explaining.Explain(InPlace, input, Target.Argmax(), Contrastive);
        Assert.That(actual.Positive.Input.Floats(), Is.EqualTo(expected.Positive.Input.Floats()));
        Assert.That(actual.Negative.Input.Floats(), Is.EqualTo(expected.Negative.Input.Floats()));
    }

    [Test]
    public void EachModeRefusesTheMembersOfTheOther()
    {
        using var scope = NewDisposeScope();
        using Explanation plain = Explaining.Explain(x => x * 2, ones(1, 3), Target.Argmax()), pair = Explaining.Explain(x => x * 2, ones(1, 3), Target.Argmax(), Contrastive);
        Assert.That(() => plain.Positive, Throws.InvalidOperationException.With.Message.Contains("Mode.Contrastive"));
        Assert.That(() => pair.Input, Throws.InvalidOperationException.With.Message.Contains("Positive"));
    }

    [Test]
    public void SurvivesAFile()
    {
        using var scope = NewDisposeScope();
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "pair.safetensors");
        using Explanation saved = Explaining.Explain(x => x.relu() + x, randn(2, 3), Target.Argmax(), Contrastive);
        saved.Save(path);
        using Explanation back = Explanation.Load(path);
        Assert.That(back.Mode, Is.EqualTo(Mode.Contrastive));
        foreach ((RelevanceStream a, RelevanceStream b) in new[] { (back.Positive, saved.Positive), (back.Negative, saved.Negative) })
        {
            Assert.That(a.Input.Floats(), Is.EqualTo(b.Input.Floats()));
            Assert.That(a.Ledger.Start, Is.EqualTo(b.Ledger.Start));
            Assert.That(a.Ledger.Lines.Select((LedgerLine line) => line.Node), Is.EqualTo(b.Ledger.Lines.Select(line => line.Node)));
        }
    }

    private static void ForRandom(int count, Action<RandomNet, Tensor, float[], float[]> check) => Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), number =>
    {
        using var scope = NewDisposeScope();
        Random random = new(number);
        RandomNet net = new(random);
        int samples = random.Next(1, 4);
        Tensor input = tensor([.. Enumerable.Range(0, samples * RandomNet.Width).Select(_ => (random.NextSingle() * 4) - 2)]).reshape(samples, RandomNet.Width);
        float[] Draw() => [.. Enumerable.Range(0, samples * RandomNet.Outputs).Select(_ => random.NextSingle())];
        check(net, input, Draw(), Draw());
    }).Check(Seeded.Cases(count));
}
