using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Baselines.Gradients;
using Backtrace.Gpu.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Backtracing;

public sealed class FaithfulBaselineTests
{
    // The second number is 0, and yet its absence would change the score.
    [Test]
    public void OfALinearModelItIsTheWeightTimesTheDifference()
    {
        using nn.Module<Tensor, Tensor> net = Small.Linear(new float[,] { { 2, -3, 5 } }, [1]);
        using Samples samples = new(tensor(new float[,] { { 4, 0, 1 } }), tensor(new long[] { 0 }), tensor(new float[,] { { 1, 2, 1 } }), Features.Each(3));
        using BacktraceExplainer absent = BacktraceExplainer.Faithful(new ExplainedModel(net), baseline: Baseline.Absent), zero = BacktraceExplainer.Faithful(new ExplainedModel(net));
        Assert.Multiple(() =>
        {
            Assert.That(Deviation.Of(Small.Explain(absent, samples), [6, 6, 0]), Is.LessThan(1e-5));
            Assert.That(Deviation.Of(Small.Explain(zero, samples), [8, 0, 5]), Is.LessThan(1e-5));
        });
    }

    // In a network of ReLUs the rules share relevance as gradients do.
    [Test]
    public void OfReluNetworksItIsTheGradientTimesTheDifference()
    {
        using Mlp net = Small.Mlp(3, [6, 9, 7, 2], Activation.Relu);
        ExplainedModel model = new(net);
        using DisposeScope scope = NewDisposeScope();
        using Samples samples = Small.Draw(4, 5, 6);
        using BacktraceExplainer explainer = BacktraceExplainer.Faithful(model, baseline: Baseline.Absent);
        Tensor expected = model.Gradients(samples.Input, samples.Input, samples.Targets) * (samples.Input - samples.Absent);
        Assert.That(Deviation.Of(Small.Explain(explainer, samples), Small.Numbers(expected)), Is.LessThan(1e-4));
    }

    [Test]
    public void OfTokensWordVectorsAreCompared()
    {
        using ModelPackage package = ModelPackage.Load(Small.Bert);
        ExplainedModel model = Small.Model(package);
        using Samples samples = Small.Sentences();
        using Samples same = samples with { Absent = samples.Input.clone() };
        using BacktraceExplainer absent = BacktraceExplainer.Faithful(model, baseline: Baseline.Absent), zero = BacktraceExplainer.Faithful(model);
        float[] fromAbsent = Small.Explain(absent, samples);
        Assert.Multiple(() =>
        {
            Assert.That(fromAbsent, Has.Length.EqualTo(samples.Input.numel()));
            Assert.That(fromAbsent.Count(float.IsFinite), Is.EqualTo(fromAbsent.Length));
            Assert.That(Deviation.Of(fromAbsent, Small.Explain(zero, samples)), Is.GreaterThan(0.01));
            Assert.That(Small.Explain(absent, same), Is.All.Zero);
        });
    }
}
