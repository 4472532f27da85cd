using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using TorchSharp;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>Units whose contributions are tiny, down to subnormal numbers, and whose relevance may be large: all of it is handed on or reported.</summary>
public sealed class SmallDenominatorTests
{
    private static readonly Device Cpu = Device.Cpu();

    private static IEnumerable<string> Names => RuleCases.Names;

    // Needs the layer's output in contrastive mode: ContrastiveLinearTests and the golden cases.
    private static IEnumerable<string> ContrastiveNames => RuleCases.Names.Where(n => n != "transposed convolution");

    [Test]
    public void DefaultModeIsFiniteAndConserved([ValueSource(nameof(Names))] string name, [Values(1f, 1e12f)] float relevance) =>
        ForRandom(name, IsRecurrent(name) ? Math.Min(relevance, 1e6f) : relevance, node => AssertAccounted(RuleRunner.Run(Cpu, node), node.Relevance));

    [Test]
    public void ContrastiveModeIsFiniteAndConserved([ValueSource(nameof(ContrastiveNames))] string name, [Values(1f, 1e12f)] float relevance) => ForRandom(name, relevance, node =>
    {
        Outcome[] outcomes = RuleRunner.RunContrastive(Cpu, node with { Opposing = [.. node.Relevance.Select(r => r! with { Data = Array.ConvertAll(r.Data, v => 0.5f * v) })] });
        AssertAccounted(outcomes[0], node.Relevance);
        AssertAccounted(outcomes[1], [.. node.Relevance.Select(r => r! with { Data = Array.ConvertAll(r.Data, v => 0.5f * v) })]);
    });

    // Their coefficients are the same for all targets: made without knowing how much relevance there will be.
    private static bool IsRecurrent(string name) => name is "lstm" or "gru" or "tanh rnn" or "relu rnn";

    private static void AssertAccounted(Outcome outcome, Values?[] relevance)
    {
        double total = relevance.Sum(r => r?.Sum ?? 0);
        Assert.That(outcome.Relevance.SelectMany(r => r?.Data ?? []), Has.All.Matches<float>(v => float.IsFinite(v) && v >= 0));
        Assert.That(outcome.Total, Is.EqualTo(total).Within(1e-5 * total));
    }

    private static void ForRandom(string name, float size, Action<Node> check) =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), seed =>
        {
            using var scope = torch.NewDisposeScope();
            Random random = new(seed);
            Node node = RuleCases.Make(name, random).Node(random);
            float Tiny() => MathF.Pow(10, -random.Next(18, 45));
            float all = Tiny();
            Values Scaled(Values values) => values with { Data = Array.ConvertAll(values.Data, v => v * (random.Next(3) == 0 ? Tiny() : all)) };
            check(node with
            {
                Inputs = [.. node.Inputs.Select(Scaled)],
                Relevance = [.. node.Relevance.Select(r => r is null ? null : r with { Data = Array.ConvertAll(r.Data, v => v * size) })],
            });
        }).Check(Seeded.Cases(40));
}
