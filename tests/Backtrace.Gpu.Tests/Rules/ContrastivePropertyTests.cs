using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using TorchSharp;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>What holds for both streams of every rule, over random shapes and attributes (rules.md, D).</summary>
public sealed class ContrastivePropertyTests
{
    private static readonly Device Cpu = Device.Cpu();
    private static readonly Device[] Simulated = [Device.SimulatedGpu(1), Device.SimulatedGpu(64)];

    // Those need the layer's output: ContrastiveLinearTests and the golden cases.
    private static IEnumerable<string> Names => RuleCases.Names.Where(n => n != "transposed convolution");

    [TestCaseSource(nameof(Names))]
    public void ConservesBothStreamsAndTheirSigns(string name) => ForRandom(name, 40, (_, node) =>
    {
        Outcome[] outcome = RuleRunner.RunContrastive(Cpu, node);
        double[] totals = [Total(node.Relevance), Total(node.Opposing)];
        for (int stream = 0; stream < 2; stream++)
        {
            Assert.That(outcome[stream].Total, Is.EqualTo(totals[stream]).Within(1e-5 * Math.Max(totals[stream], 1e-3)), $"{node.Operation}");
            Assert.That(outcome[stream].Relevance.SelectMany(r => r?.Data ?? []), Has.All.GreaterThanOrEqualTo(0), $"{node.Operation}");
        }
    });

    [TestCaseSource(nameof(Names))]
    public void SwappedStreamsGiveSwappedResults(string name) => ForRandom(name, 20, (_, node) =>
    {
        Outcome[] one = RuleRunner.RunContrastive(Cpu, node), other = RuleRunner.RunContrastive(Cpu, node with { Relevance = node.Opposing, Opposing = node.Relevance });
        AssertSame(other[1], one[0], 1);
        AssertSame(other[0], one[1], 1);
    });

    [TestCaseSource(nameof(Names))]
    public void IsHomogeneous(string name) => ForRandom(name, 20, (_, node) =>
    {
        Values?[] Scaled(Values?[] relevance) => [.. relevance.Select(r => r! with { Data = Array.ConvertAll(r.Data, v => 4 * v) })];
        Outcome[] one = RuleRunner.RunContrastive(Cpu, node), other = RuleRunner.RunContrastive(Cpu, node with { Relevance = Scaled(node.Relevance), Opposing = Scaled(node.Opposing) });
        AssertSame(other[0], one[0], 4);
        AssertSame(other[1], one[1], 4);
    });

    [Test]
    public void NegatedContributionsGiveTheSame([Values("add pair", "average pool", "adaptive average pool", "sum over axes", "upsample")] string name) => ForRandom(name, 20, (_, node) =>
    {
        Values[] negated = [.. node.Inputs.Select(v => v with { Data = Array.ConvertAll(v.Data, x => -x) })];
        Outcome[] one = RuleRunner.RunContrastive(Cpu, node), other = RuleRunner.RunContrastive(Cpu, node with { Inputs = negated });
        AssertSame(other[0], one[0], 1);
        AssertSame(other[1], one[1], 1);
    });

    [TestCaseSource(nameof(Names))]
    public void LaunchGeometryDoesNotMatter(string name) => ForRandom(name, 2, (_, node) =>
    {
        Outcome[] expected = RuleRunner.RunContrastive(Cpu, node);
        foreach (Device device in Simulated)
        {
            Outcome[] actual = RuleRunner.RunContrastive(device, node);
            for (int k = 0; k < 2 * node.Inputs.Length; k++)
                Assert.That(actual[k % 2].Relevance[k / 2]?.Data, Is.EqualTo(expected[k % 2].Relevance[k / 2]?.Data), $"input {k / 2} of {node.Operation}");
        }
    });

    private static double Total(Values?[] relevance) => relevance.Sum(r => r?.Sum ?? 0);

    private static void AssertSame(Outcome actual, Outcome expected, float factor)
    {
        for (int k = 0; k < expected.Relevance.Length; k++)
        {
            if (expected.Relevance[k] is { } values)
                Assert.That(Deviation.Of(actual.Relevance[k]!.Data, Array.ConvertAll(values.Data, v => factor * v)), Is.LessThanOrEqualTo(1e-6));
        }
    }

    // The streams differ wherever there is relevance: symmetries do not hold at ties.
    private static void ForRandom(string name, int count, Action<Random, Node> check) =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), seed =>
        {
            using var scope = torch.NewDisposeScope();
            Random random = new(seed);
            Node node = RuleCases.Make(name, random).Node(random);
            check(random, node with { Opposing = [.. node.Relevance.Select(r => Values.Of(r!.Shape, i => r.Data[i] == 0 && random.Next(2) == 0 ? 0 : random.NextSingle()))] });
        }).Check(Seeded.Cases(count));
}
