using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class RandomExplainerTests
{
    [Test]
    public void TheSameSeedGivesTheSameNumbersWhateverTheSamplesHold()
    {
        using Features features = Features.Each(20);
        using Samples three = Batch(features, 3, 0), two = Batch(features, 2, 7);
        float[] first = Cases.Explain(new RandomExplainer(5), three), again = Cases.Explain(new RandomExplainer(5), two), other = Cases.Explain(new RandomExplainer(6), three);
        Assert.Multiple(() =>
        {
            Assert.That(again, Is.EqualTo(first.Take(40)));
            Assert.That(first.Distinct().Count(), Is.EqualTo(60), "samples have numbers of their own");
            Assert.That(other.Intersect(first), Is.Empty, "and so have seeds");
        });
    }

    [Test]
    public void LargeFeaturesAreNotFavouredAndFixedEntriesGetNothing()
    {
        using Features features = new(tensor(new long[] { 0, 0, 0, 0, 0, 0, 0, 0, 1, -1 }));
        using Samples samples = Batch(features, 400, 0);
        using RandomExplainer explainer = new();
        using Tensor attributions = explainer.Explain(samples), sums = features.Sum(attributions), means = sums.mean([0]);
        Assert.Multiple(() =>
        {
            Assert.That(means[0].item<float>(), Is.EqualTo(0.5).Within(0.06));
            Assert.That(means[1].item<float>(), Is.EqualTo(0.5).Within(0.06));
            Assert.That(attributions.select(1, 9).abs().sum().item<float>(), Is.Zero);
            Assert.That(attributions.select(1, 8).mean().item<float>(), Is.GreaterThan(4 * attributions.select(1, 0).mean().item<float>()), "entries share");
        });
    }

    [TestCase(RandomDistribution.Uniform, 0, 1, 0.5, 0.2887)]
    [TestCase(RandomDistribution.Normal, -6, 6, 0, 1)]
    public void NumbersFollowTheDistribution(RandomDistribution distribution, double low, double high, double mean, double deviation)
    {
        using Features features = Features.Each(5000);
        using Samples samples = Batch(features, 1, 0);
        float[] values = Cases.Explain(new RandomExplainer(1, distribution), samples);
        double actual = values.Average();
        Assert.Multiple(() =>
        {
            Assert.That(values, Has.All.InRange(low, high));
            Assert.That(actual, Is.EqualTo(mean).Within(0.05));
            Assert.That(Math.Sqrt(values.Average(v => (v - actual) * (v - actual))), Is.EqualTo(deviation).Within(0.03));
        });
    }

    private static Samples Batch(Features features, int count, float value) =>
        new(full([count, .. features.Shape], value), zeros(count, int64), zeros([1, .. features.Shape]), features);
}
