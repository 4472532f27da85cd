using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using TorchSharp;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>What holds for every rule, over random shapes and attributes (rules.md, D).</summary>
public sealed class RulePropertyTests
{
    private static readonly Device Cpu = Device.Cpu();
    private static readonly Device[] Simulated = [Device.SimulatedGpu(1), Device.SimulatedGpu(16), Device.SimulatedGpu(256)];

    private static IEnumerable<string> Names => RuleCases.Names;

    private static IEnumerable<string> WithOracle => RuleCases.Names.Where(n => RuleCases.Make(n, new Random(1)).Oracle != Oracle.None);

    [TestCaseSource(nameof(Names))]
    public void ConservesRelevanceAndItsSign(string name) => ForRandom(40, random =>
    {
        Node node = RuleCases.Make(name, random).Node(random);
        Outcome outcome = RuleRunner.Run(Cpu, node);
        double total = node.Relevance.Sum(r => r?.Sum ?? 0);
        Assert.That(outcome.Total, Is.EqualTo(total).Within(1e-5 * Math.Max(total, 1e-3)), $"{node.Operation}");
        Assert.That(outcome.Relevance.SelectMany(r => r?.Data ?? []).Concat(outcome.Ledger.Values.SelectMany(v => v)), Has.All.GreaterThanOrEqualTo(0), $"{node.Operation}");
    });

    [TestCaseSource(nameof(WithOracle))]
    public void AgreesWithTorch(string name) => ForRandom(40, random =>
    {
        RuleCase rule = RuleCases.Make(name, random);
        Node node = rule.Node(random);
        Outcome outcome = RuleRunner.Run(Cpu, node);
        double[][] expected = rule.Expected(node);
        for (int k = 0; k < expected.Length; k++)
        {
            if (outcome.Relevance[k] is { } actual)
                AssertClose(actual.Data, expected[k], $"input {k} of {node.Operation}");
        }
    });

    [TestCaseSource(nameof(Names))]
    public void IsLinear(string name) => ForRandom(15, random =>
    {
        Node node = RuleCases.Make(name, random).Node(random);
        Values[] second = [.. node.Relevance.Select(r => Values.Of(r!.Shape, _ => random.NextSingle() - 0.5f))];
        Values[] sum = [.. node.Relevance.Zip(second, (a, b) => Values.Of(a!.Shape, i => a.Data[i] - 3 * b.Data[i]))];
        Outcome one = RuleRunner.Run(Cpu, node), two = RuleRunner.Run(Cpu, node with { Relevance = second }), both = RuleRunner.Run(Cpu, node with { Relevance = sum });
        for (int k = 0; k < node.Inputs.Length; k++)
        {
            if (both.Relevance[k] is { } actual)
            {
                float[] first = one.Relevance[k]!.Data, other = two.Relevance[k]!.Data;
                double[] expected = [.. first.Zip(other, (a, b) => a - 3.0 * b)];
                // The terms may nearly cancel: what they leave is no measure of their rounding.
                double scale = first.Zip(other, (a, b) => Math.Abs(a) + 3.0 * Math.Abs(b)).DefaultIfEmpty().Max();
                AssertClose(actual.Data, expected, $"input {k} of {node.Operation}", scale);
            }
        }
    });

    [TestCaseSource(nameof(Names))]
    public void LaunchGeometryDoesNotMatter(string name) => ForRandom(2, random =>
    {
        Node node = RuleCases.Make(name, random).Node(random);
        Outcome expected = RuleRunner.Run(Cpu, node);
        foreach (Device device in Simulated)
        {
            Outcome actual = RuleRunner.Run(device, node);
            for (int k = 0; k < node.Inputs.Length; k++)
                Assert.That(actual.Relevance[k]?.Data, Is.EqualTo(expected.Relevance[k]?.Data), $"input {k} of {node.Operation}");
            foreach (var (entry, values) in expected.Ledger)
                Assert.That(actual.Ledger[entry], Is.EqualTo(values), $"{entry} of {node.Operation}");
        }
    });

    private static void ForRandom(int count, Action<Random> check) =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), seed =>
        {
            using var scope = torch.NewDisposeScope();
            check(new Random(seed));
        }).Check(Seeded.Cases(count));

    private static void AssertClose(float[] actual, double[] expected, string what, double scale = 0)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length), what);
        scale = Math.Max(scale, expected.Select(Math.Abs).DefaultIfEmpty().Max());
        Assert.That(actual.Zip(expected, (a, e) => Math.Abs(a - e)).DefaultIfEmpty().Max(), Is.LessThanOrEqualTo(2e-5 * Math.Max(scale, 1e-6)), what);
    }
}
