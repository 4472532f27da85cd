using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class RandomExplainerTests
{
    [Test]
    public void NumbersDependOnTheInputAndTheSeedOnly()
    {
        using Features features = Features.Each(20);
        using Samples three = Batch(features, 3), last = three.One(2);
        float[] first = Cases.Explain(new RandomExplainer(5), three), alone = Cases.Explain(new RandomExplainer(5), last), other = Cases.Explain(new RandomExplainer(6), three);
        Assert.Multiple(() =>
        {
            Assert.That(alone, Is.EqualTo(first.Skip(40)));
            Assert.That(first.Distinct().Count(), Is.EqualTo(60), "inputs have numbers of their own");
            Assert.That(other.Intersect(first), Is.Empty, "and so have seeds");
        });
    }

    [Test]
    public void LargeFeaturesAreNotFavouredAndFixedEntriesGetNothing()
    {
        using Features features = new(tensor(new long[] { 0, 0, 0, 0, 0, 0, 0, 0, 1, -1 }));
        using Samples samples = Batch(features, 400);
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
        using Samples samples = Batch(features, 1);
        float[] values = Cases.Explain(new RandomExplainer(1, distribution), samples);
        double actual = values.Average();
        Assert.Multiple(() =>
        {
            Assert.That(values, Has.All.InRange(low, high));
            Assert.That(actual, Is.EqualTo(mean).Within(0.05));
            Assert.That(Math.Sqrt(values.Average(v => (v - actual) * (v - actual))), Is.EqualTo(deviation).Within(0.03));
        });
    }

    // Samples of 0, 1, 2, ...
    private static Samples Batch(Features features, int count)
    {
        using Tensor numbers = arange(count, float32).view(-1, 1);
        return new(numbers.expand([count, .. features.Shape]).clone(), zeros(count, int64), zeros([1, .. features.Shape]), features);
    }
}
