using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Gradients;

public sealed class IntegratedGradientsTests
{
    [Test]
    public void OfALinearModelTheyAreWeightsTimesTheDistanceFromTheBaseline()
    {
        using var linear = Small.Linear(new float[,] { { 1, -2 } }, [9]);
        ExplainedModel model = new(linear);
        using Samples samples = Small.Rows(new float[,] { { 5, 6 } });
        using IntegratedGradientsExplainer zero = new(model), absent = new(model, new() { Baseline = Baseline.Absent });
        Assert.Multiple(() =>
        {
            Assert.That(Small.Explain(zero, samples), Is.EqualTo(new float[] { 5, -12 }).Within(1e-5));
            Assert.That(Small.Explain(absent, samples), Is.EqualTo(new float[] { 4.5f, -11 }).Within(1e-5));
            Assert.That((zero.Name, absent.Name), Is.EqualTo(("Integrated Gradients (50)", "Integrated Gradients (50, absent)")));
        });
    }

    // relu(x1 + x2 - 1) from (0, 0) to (1, 1): the unit is off for the first half of the way.
    [TestCase(IntegrationMethod.GaussLegendre, 2, 0.5f)]
    [TestCase(IntegrationMethod.RiemannMiddle, 4, 0.5f)]
    [TestCase(IntegrationMethod.RiemannRight, 5, 0.6f)]
    [TestCase(IntegrationMethod.RiemannLeft, 5, 0.4f)]
    [TestCase(IntegrationMethod.RiemannTrapezoid, 4, 0.5f)]
    public void OfOneUnitTheyAreTheShareOfTheWayWhereItIsOn(IntegrationMethod method, int steps, float share)
    {
        using var net = nn.Sequential(("a", Small.Linear(new float[,] { { 1, 1 } }, [-1])), ("b", nn.ReLU()));
        using Samples samples = Small.Rows(new float[,] { { 1, 1 } });
        using IntegratedGradientsExplainer explainer = new(new ExplainedModel(net), new() { Method = method, Steps = steps });
        Assert.That(Small.Explain(explainer, samples), Is.EqualTo(new[] { share, share }).Within(1e-6));
    }

    [Test]
    public void TheyAddUpToTheDifferenceOfTheScores() => Prop.ForAll(Gen.Choose(0, 10_000).ToArbitrary(), seed =>
    {
        using Mlp mlp = Small.Mlp(seed, [4, 6, 6, 2], seed % 2 == 0 ? Activation.Tanh : Activation.Gelu);
        using Samples samples = Small.Draw(seed, 3, 4);
        Baseline baseline = seed % 3 == 0 ? Baseline.Absent : Baseline.Zero;
        using IntegratedGradientsExplainer fine = new(new ExplainedModel(mlp), new() { Steps = 200, Baseline = baseline });
        using Tensor attributions = fine.Explain(samples);
        float[] deltas = Small.Numbers(fine.ConvergenceDelta(samples, attributions));
        Assert.That(deltas, Has.All.EqualTo(0).Within(2e-3));
    }).Check(Seeded.Cases(25));

    [Test]
    public void TheGapIsSeenWhereAttributionsDoNotAddUp()
    {
        using Mlp mlp = Small.Mlp(5, [4, 6, 2], Activation.Tanh);
        using Samples samples = Small.Draw(5, 2, 4);
        using IntegratedGradientsExplainer explainer = new(new ExplainedModel(mlp), new() { Steps = 100 });
        using Tensor attributions = explainer.Explain(samples);
        attributions[0, 1] += 0.25f;
        Assert.That(Small.Numbers(explainer.ConvergenceDelta(samples, attributions)), Is.EqualTo(new[] { 0.25f, 0 }).Within(1e-3));
    }

    [Test]
    public void GaussAndLegendreNeedFewestSteps()
    {
        using Mlp mlp = Small.Mlp(6, [4, 6, 2], Activation.Tanh);
        using Samples samples = Small.Draw(6, 4, 4);
        float Gap(IntegrationMethod method, int steps)
        {
            using IntegratedGradientsExplainer explainer = new(new ExplainedModel(mlp), new() { Steps = steps, Method = method });
            using Tensor attributions = explainer.Explain(samples);
            return Small.Numbers(explainer.ConvergenceDelta(samples, attributions)).Max(Math.Abs);
        }

        Assert.Multiple(() =>
        {
            Assert.That(Gap(IntegrationMethod.GaussLegendre, 20), Is.LessThan(Gap(IntegrationMethod.RiemannMiddle, 20) / 4));
            Assert.That(Gap(IntegrationMethod.RiemannRight, 80), Is.LessThan(Gap(IntegrationMethod.RiemannRight, 20) / 2));
            Assert.That(Gap(IntegrationMethod.RiemannTrapezoid, 20), Is.LessThan(Gap(IntegrationMethod.RiemannLeft, 20)));
        });
    }

    [TestCase(1)]
    [TestCase(7)]
    [TestCase(20)]
    [TestCase(45)]
    public void TheBatchDoesNotMatter(int batch)
    {
        using Mlp mlp = Small.Mlp(7, [4, 8, 2], Activation.Tanh);
        ExplainedModel model = new(mlp);
        using Samples samples = Small.Draw(7, 5, 4);
        using IntegratedGradientsExplainer usual = new(model, new() { Steps = 20, Batch = 1000 }), small = new(model, new() { Steps = 20, Batch = batch });
        Assert.That(Deviation.Of(Small.Explain(small, samples), Small.Explain(usual, samples)), Is.LessThan(1e-5));
    }

    [Test]
    public void OfTokensTheWayIsOneOfVectors()
    {
        using ModelPackage package = ModelPackage.Load(Small.Bert);
        ExplainedModel model = Small.Model(package);
        using Samples samples = Small.Sentences();
        using IntegratedGradientsExplainer zero = new(model), absent = new(model, new() { Baseline = Baseline.Absent });
        using Tensor fromZero = zero.Explain(samples), fromAbsent = absent.Explain(samples), again = absent.Explain(samples);
        Assert.Multiple(() =>
        {
            Assert.That(Small.Numbers(absent.ConvergenceDelta(samples, fromAbsent)), Has.All.EqualTo(0).Within(2e-3));
            Assert.That(Small.Numbers(absent.ConvergenceDelta(samples, fromZero)).Max(Math.Abs), Is.GreaterThan(0.02), "another baseline");
            Assert.That(fromAbsent[0, 0].item<float>(), Is.Zero, "[CLS] stays");
            Assert.That(fromZero[0, 0].item<float>(), Is.Not.Zero);
            Assert.That(again.equal(fromAbsent).all().item<bool>(), Is.True);
        });
    }

    [Test]
    public void TooFewStepsAreRefused()
    {
        using var linear = Small.Linear(new float[,] { { 1 } });
        ExplainedModel model = new(linear);
        Assert.Multiple(() =>
        {
            Assert.That(() => new IntegratedGradientsExplainer(model, new() { Steps = 0 }), Throws.ArgumentException);
            Assert.That(() => new IntegratedGradientsExplainer(model, new() { Batch = 0 }), Throws.InstanceOf<ArgumentException>());
        });
    }
}
