using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Golden;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

/// <summary>Relevance per expert against the golden cases, and the block against one that runs every expert on every token.</summary>
public sealed class MixtureOfExpertsTests
{
    private static readonly MixtureOfExpertsConfig Config = new(6, 4, 5, 2) { SharedWidth = 3 };

    [TestCase("moe_top2_of_4", Mode.Default)]
    [TestCase("moe_top2_of_4", Mode.Contrastive)]
    [TestCase("moe_top2_raw_gates", Mode.Default)]
    [TestCase("moe_top2_raw_gates", Mode.Contrastive)]
    public void ScoresOfExpertsMatchTheReference(string name, Mode mode)
    {
        using var scope = NewDisposeScope();
        using GoldenCase golden = new(Fixtures.Path("ops", $"{name}.{GoldenTests.Name(mode)}.safetensors"));
        using MixtureOfExperts block = MixtureOfExpertsCase.Build(role => golden.File.ToTensor("param." + role), new FixtureAttributes(golden.File.Metadata));
        using Backtracer backtracer = new(block, options: new BacktracerOptions { Mode = mode, Layers = [MixtureOfExperts.SlotLayer] });
        GoldenStream[] streams = GoldenStream.Of(golden, mode);
        Target target = mode == Mode.Default ? Target.Custom(streams[0].Seed) : Target.Custom(streams[0].Seed, streams[1].Seed);
        using Explanation e = backtracer.Explain(golden.File.ToTensor("in.x"), target);
        string[] suffixes = mode == Mode.Default ? [""] : ["_pos", "_neg"];
        foreach ((RelevanceStream stream, string suffix) in e.Streams.Zip(suffixes))
        {
            Tensor scores = block.ExpertScores(stream[MixtureOfExperts.SlotLayer]);
            float[] expected = [.. golden.File.Read<double>("expected.expert_score" + suffix).Select(v => (float)v)];
            Explaining.AssertSame(scores.Floats(), expected, 1e-5, suffix);
        }
    }

    [Test]
    public void ComputesWhatEveryExpertOnEveryTokenWould([Range(0, 4)] int seed, [Values] bool normalisesGates)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        manual_seed(seed);
        using MixtureOfExperts block = new(Config with { NormaliseGates = normalisesGates });
        Dictionary<string, Tensor> p = block.named_parameters(true).ToDictionary(n => n.name, n => (Tensor)n.parameter);
        Tensor x = randn(2, 3, Config.Width), probabilities = x.matmul(p["router.weight"].t()).softmax(-1);
        Tensor kept = probabilities * (probabilities >= probabilities.topk(Config.TopK).values.amin([-1], keepdim: true));
        Tensor gates = normalisesGates ? kept / kept.sum(-1, keepdim: true) : kept;
        Tensor expected = Expert("shared_expert", 0);
        for (int e = 0; e < Config.Experts; e++)
            expected += gates.slice(-1, e, e + 1, 1) * Expert("experts", e);
        Explaining.AssertSame(block.call(x), expected, 1e-5);

        Tensor Expert(string bank, int e) =>
            (nn.functional.silu(x.matmul(Weight(bank, "gate", e))) * x.matmul(Weight(bank, "up", e))).matmul(Weight(bank, "down", e));

        Tensor Weight(string bank, string layer, int e) => p[$"{bank}.{layer}_proj.weight"].select(0, e).t();
    }

    [Test]
    public void ScoresAndTheSharedExpertAddUpToTheRelevanceOfTheToken()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        using MixtureOfExperts block = new(Config);
        using Backtracer backtracer = new(block, options: new BacktracerOptions { Layers = [MixtureOfExperts.SlotLayer, "shared_expert.down_proj"] });
        Tensor x = randn(2, 3, Config.Width);
        using Explanation e = backtracer.Explain(x, Explaining.Seed(x));
        Tensor scores = block.ExpertScores(e[MixtureOfExperts.SlotLayer]);
        Assert.That(scores.shape, Is.EqualTo(new long[] { 2, 3, Config.Experts }));
        Assert.That((scores > 0).sum(-1).data<long>().ToArray(), Is.All.EqualTo(Config.TopK));
        double shared = e["shared_expert.down_proj"].sum().item<float>();
        Assert.That(shared, Is.GreaterThan(0));
        Assert.That(scores.sum().item<float>() + shared, Is.EqualTo(e.Ledger.Start[0]).Within(1e-4));
        Explaining.AssertConserved(e);
    }

    [Test]
    public void BadSizesAndForeignRelevanceAreRefused()
    {
        using var scope = NewDisposeScope();
        using MixtureOfExperts block = new(Config);
        Assert.Multiple(() =>
        {
            Assert.That(() => new MixtureOfExperts(Config with { TopK = 6 }), Throws.ArgumentException.With.Message.Contains("6 of 5 experts"));
            Assert.That(() => new MixtureOfExperts(Config with { Width = 0 }), Throws.ArgumentException);
            Assert.That(() => block.ExpertScores(ones(6, 2, 6)), Throws.InvalidOperationException);
        });
        block.call(randn(3, Config.Width)).Dispose();
        Assert.That(() => block.ExpertScores(ones(6, 2, 6)), Throws.ArgumentException.With.Message.Contains("3 tokens"));
    }
}
