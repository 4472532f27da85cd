using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Fuzz;

/// <summary>What holds for whatever model, over models that were drawn at random. A failure names the seed and lists the model's steps.</summary>
public sealed class RandomModelTests
{
    private const int Models = 150, EmulatedModels = 8;

    private static IEnumerable<string> Gpus => TestDevices.All.Except(["cpu"]);

    [Test]
    public void NothingIsLostAndNothingIsChanged([Values] Mode mode) => ForModels(0, Models, (model, starts) =>
    {
        Tensor[] state = [.. model.parameters().Concat(model.buffers())], before = [.. state.Select(t => t.clone())];
        Tensor expected = model.Output();
        using Explanation e = starts.Explain(mode);
        foreach (RelevanceStream stream in e.Streams)
        {
            foreach (Tensor input in stream.Inputs)
                Assert.That(input.Floats(), Has.All.Matches<float>(v => v >= 0 && float.IsFinite(v)), $"{model}");
            double end = stream.Ledger.Input.Sum() + stream.Ledger.Bias.Sum() + stream.Ledger.Dropped.Sum() + stream.Ledger.Constants.Sum();
            Assert.That(end, Is.EqualTo(stream.Ledger.Start.Sum()).Within(1e-4 * stream.Ledger.Start.Sum()), $"{model}");
        }

        Assert.That(e.Prediction.Floats(), Is.EqualTo(expected.Floats()), $"the prediction of {model}");
        Assert.That(state.Zip(before).All(p => p.First.equal(p.Second).all().item<bool>()) && !model.training, Is.True, $"the state of {model}");
    });

    [Test]
    public void RelevanceIsThatOfTheSlowRules() => ForModels(1000, 2 * Models, (model, starts) =>
    {
        if (!model.IsWide || SlowRun.Explain(model, starts.First) is not { } slow)
            return;
        using Explanation e = starts.Explain(Mode.Default, saturation: false);
        if (e.Ledger.Lines.Any(l => l.Operator is "Activation" or "RMSNorm" or "layer_norm"))
            return; // what was recognised is no product any more
        AssertNear([e.Inputs], [slow], 2e-5, model);
    });

    [Test]
    public void LrpWithoutEpsilonIsGradientTimesInput() => ForModels(2000, 2 * Models, (model, starts) =>
    {
        if (!model.IsWide || !model.Steps.All(s => s.IsLinearPiecewise) || model.GradientTimesInput(starts.First) is not { } wanted)
            return;
        float[] output = model.Output().Floats();
        using Explanation e = (starts with { First = [.. starts.First.Zip(output, (s, y) => s * y)] }).Explain(Mode.Default, rules: RuleSet.LrpEpsilon(0));
        AssertNear([e.Inputs], [wanted], 1e-2, model);
    });

    [Test]
    public void SignedRulesClose() => ForModels(3000, Models, (model, starts) =>
    {
        using Explanation e = starts.Explain(Mode.Default, rules: RuleSet.Faithful);
        Assert.That(e.Inputs.SelectMany(i => i.Floats()), Has.All.Matches<float>(float.IsFinite), $"{model}");
    });

    [Test]
    public void TheNextRunGivesTheSameBits([Values] Mode mode) => ForModels(4000, Models / 2, (model, starts) =>
    {
        using Backtracer backtracer = starts.Trace(mode);
        using Explanation first = starts.Explain(mode), second = starts.Explain(backtracer), third = starts.Explain(backtracer);
        AssertNear(Of(second), Of(first), 0, model);
        AssertNear(Of(third), Of(first), 0, model);
        Assert.That(backtracer.Arena.LentBytes, Is.Zero, $"{model}");
    });

    [Test]
    public void LibrariesAgree([Values] Mode mode) => ForModels(5000, Models / 2, (model, starts) =>
    {
        using Explanation managed = starts.Explain(mode, library: ContractionLibrary.Managed), torch = starts.Explain(mode, library: ContractionLibrary.Torch);
        AssertNear(Of(managed), Of(torch), mode == Mode.Default ? 1e-5 : 1e-4, model);
    });

    [TestCaseSource(nameof(Gpus))]
    public void DevicesAgree(string device) => ForModels(6000, EmulatedModels, (model, starts) =>
    {
        foreach (Mode mode in Enum.GetValues<Mode>())
        {
            using Explanation cpu = starts.Explain(mode), gpu = starts.Explain(mode, device: device);
            AssertNear(Of(gpu), Of(cpu), mode == Mode.Default ? 1e-5 : 1e-4, model);
        }
    });

    [Test]
    public void RelevanceIsLinearInItsStart() => ForModels(7000, Models / 2, (model, starts) =>
    {
        using Explanation a = starts.Explain(Mode.Default), b = starts.Swapped.Explain(Mode.Default);
        using Explanation both = (starts with { First = [.. starts.First.Zip(starts.Second, (p, q) => p + 2 * q)] }).Explain(Mode.Default);
        AssertNear([both.Inputs], [[.. a.Inputs.Zip(b.Inputs, (p, q) => p + 2 * q)]], 2e-5, model);
    });

    [Test]
    public void StreamsSwapWithTheirStarts() => ForModels(8000, Models, (model, starts) =>
    {
        using Explanation pair = starts.Explain(Mode.Contrastive), swapped = starts.Swapped.Explain(Mode.Contrastive);
        AssertNear([swapped.Negative.Inputs, swapped.Positive.Inputs], Of(pair), 1e-5, model);
    });

    [Test]
    public void NeighboursInTheBatchDoNotMatter([Values] Mode mode) => ForModels(9000, 2 * Models, (model, starts) =>
    {
        if (!model.SamplesStayApart)
            return;
        using Explanation all = starts.Explain(mode);
        for (int n = 0; n < model.Samples; n++)
        {
            using Explanation alone = starts.Of(n).Explain(mode);
            IReadOnlyList<Tensor>[] parts = [.. Of(all).Select(stream => (Tensor[])[.. stream.Select(i => i.narrow(0, n, 1))])];
            AssertNear(Of(alone), parts, model.IsWide ? 1e-6 : 3e-2, model, Of(all));
        }
    });

    private static IReadOnlyList<Tensor>[] Of(Explanation e) => [.. e.Streams.Select(s => s.Inputs)];

    // Deviations are measured against the largest relevance of a stream.
    private static void AssertNear(IReadOnlyList<Tensor>[] actual, IReadOnlyList<Tensor>[] expected, double tolerance, RandomModel model, IReadOnlyList<Tensor>[]? scales = null)
    {
        for (int s = 0; s < expected.Length; s++)
        {
            double scale = Math.Max((scales ?? expected)[s].Max(Largest), 1e-6);
            for (int k = 0; k < expected[s].Count; k++)
                Assert.That(Largest(actual[s][k] - expected[s][k]) / scale, Is.LessThanOrEqualTo(tolerance), $"stream {s}, input {k} of {model}");
        }
    }

    private static double Largest(Tensor tensor) => tensor.abs().max().to(ScalarType.Float64).item<double>();

    private static void ForModels(int first, int count, Action<RandomModel, Starts> check)
    {
        for (int seed = first; seed < first + count; seed++)
        {
            using var scope = NewDisposeScope();
            using RandomModel model = RandomModel.Draw(seed);
            try
            {
                check(model, Starts.Draw(model, seed));
            }
            catch (Exception e) when (e is not AssertionException)
            {
                Assert.Fail($"{model}{Environment.NewLine}{e}");
            }
        }
    }
}
