using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Evaluation;

public sealed class SensitivityTests
{
    [Test]
    public void AConstantExplainerIsNotSensitive()
    {
        using LinearCase constant = new([1, 2], explainer: new StubExplainer(s => tensor(new float[] { 1, 2 }).repeat(s.Count, 1)));
        using LinearCase random = new([1, 2], explainer: StubExplainer.Random());
        foreach (Metric metric in new Metric[] { new MaxSensitivity(), new AvgSensitivity(), new LocalLipschitz() })
        {
            Assert.That(constant.Of(metric), Is.Zero, metric.Name);
            Assert.That(random.Of(metric), Is.GreaterThan(0.1), metric.Name);
        }
    }

    [Test]
    public void AnExplainerThatTriplesItsInputHasKnownSensitivities()
    {
        using LinearCase one = new([1], [3], new StubExplainer(s => s.Input * 3)), two = new([1, 1], [3, 3], new StubExplainer(s => s.Input * 3));
        Assert.Multiple(() =>
        {
            // |3u| / |3|, u uniform in [-0.2, 0.2]
            Assert.That(one.Of(new MaxSensitivity()), Is.InRange(0.19, 0.2000001));
            Assert.That(one.Of(new AvgSensitivity()), Is.InRange(0.08, 0.12));
            Assert.That(one.Of(new MaxSensitivity { Radius = 0.4 }), Is.EqualTo(2 * one.Of(new MaxSensitivity())).Within(1e-5));
            Assert.That(two.Of(new LocalLipschitz { Normalise = false }), Is.EqualTo(3).Within(1e-4));
            Assert.That(one.Of(new LocalLipschitz()), Is.Zero.Within(1e-5), "of one entry nothing is left but its sign");
        });
    }

    [Test]
    public void ChangesGoBothWays()
    {
        using LinearCase above = new([1], [1], new StubExplainer(s => 1 + (s.Input - 1).relu())), below = new([1], [1], new StubExplainer(s => 1 + (1 - s.Input).relu()));
        foreach (LinearCase side in new[] { above, below })
            Assert.That(side.Of(new MaxSensitivity()), Is.InRange(0.19, 0.2000001));
    }

    [Test]
    public void TheSignOfAllAttributionsDoesNotMatter()
    {
        static Tensor Opposite(Samples s) => s.Input * tensor(new float[] { 1, -2 });
        using LinearCase plain = new([1, -2], [1, -2], new StubExplainer(Opposite)), turned = new([1, -2], [-1, 2], new StubExplainer(s => -Opposite(s)));
        foreach (Metric metric in new Metric[] { new MaxSensitivity(), new AvgSensitivity(), new LocalLipschitz(), new LocalLipschitz { Normalise = false } })
            Assert.That(turned.Of(metric), Is.EqualTo(plain.Of(metric)).Within(1e-6), metric.Name);
    }

    [Test]
    public void NoTensorsAreLeftToTheCaller()
    {
        using LinearCase some = new([1, 2], explainer: new StubExplainer(s => s.Input * s.Input), samples: 3);
        using var scope = NewDisposeScope();
        foreach (Metric metric in new Metric[] { new MaxSensitivity(), new AvgSensitivity(), new LocalLipschitz() })
        {
            metric.Measure(some.Measurement);
            Assert.That(scope.DisposablesCount, Is.Zero, metric.Name);
        }
    }

    // Changes are drawn in fp32.
    [Test]
    public void AModelOfHalvesIsAskedForHalves()
    {
        using var linear = nn.Linear(2, 2, dtype: bfloat16);
        using Samples samples = new(ones(2, 2, bfloat16), zeros(2, int64), zeros(1, 2, bfloat16), Features.Each(2));
        ExplainedModel model = new(linear);
        using GradientTimesInputExplainer explainer = new(model);
        using Tensor attributions = explainer.Explain(samples);
        Measurement measurement = new(model, samples, attributions, explainer);
        foreach (Metric metric in new Metric[] { new MaxSensitivity(), new AvgSensitivity(), new LocalLipschitz(), new SmoothMprt() })
            Assert.That(() => metric.Measure(measurement), Throws.Nothing, metric.Name);
    }

    [Test]
    public void BatchesDoNotMatter()
    {
        using LinearCase three = new([1, 2], explainer: new StubExplainer(s => s.Input * s.Input), samples: 3);
        IReadOnlyList<double> whole = new MaxSensitivity().Measure(three.Measurement), parts = new MaxSensitivity { MaximumBatch = 7 }.Measure(three.Measurement);
        Assert.That(parts[0], Is.EqualTo(parts[2]), "equal samples, equal numbers");
        Assert.That(parts[0], Is.EqualTo(whole[0]).Within(1e-9), "the same draws");
    }

    [Test]
    public void AnExplanationOfNothingHasNoSensitivity()
    {
        using LinearCase zero = new([1, 2], [0, 0], new StubExplainer(s => zeros_like(s.Input)));
        using LinearCase awakened = new([1, 2], [0, 0], new StubExplainer(s => s.Input - 1)); // 0 at the input only, like a Grad-CAM that is cut off there
        foreach (Metric metric in new Metric[] { new MaxSensitivity(), new AvgSensitivity() })
        {
            Assert.That(zero.Of(metric), Is.NaN, metric.Name);
            Assert.That(awakened.Of(metric), Is.NaN, metric.Name);
        }
    }

    [Test]
    public void NoNeighboursAreRefused()
    {
        using LinearCase linear = new([1, 2]);
        foreach (Metric metric in new Metric[] { new MaxSensitivity { Draws = 0 }, new AvgSensitivity { MaximumBatch = 0 }, new LocalLipschitz { Draws = -1 } })
            Assert.That(() => linear.Of(metric), Throws.ArgumentException.With.Message.StartsWith(metric.Name));
    }

    [Test]
    public void TokensAreRefused()
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", "bert-tiny-sst2"));
        ExplainedModel model = new(package.Module, "bert.embeddings.word_embeddings");
        using Features features = Features.Each(2);
        using Samples samples = new(tensor(new long[] { 101, 102 }).view(1, 2), zeros(1, int64), zeros(1, 1, int64), features);
        using Tensor attributions = ones(1, 2);
        Measurement measurement = new(model, samples, attributions, StubExplainer.Random());
        foreach (Metric metric in new Metric[] { new MaxSensitivity(), new AvgSensitivity(), new LocalLipschitz(), new SmoothMprt() })
            Assert.That(() => metric.Measure(measurement), Throws.TypeOf<ExplainerException>().With.Message.Contains("tokens").And.Message.Contains(metric.Name));
    }
}
