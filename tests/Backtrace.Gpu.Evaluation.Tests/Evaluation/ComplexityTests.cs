using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Evaluation;

public sealed class ComplexityTests
{
    [TestCase(new float[] { 2, -2, 2, 2 }, 1.3862943611, 0)]
    [TestCase(new float[] { 4, 3, 2, 1 }, 1.2798542258, 0.25)]
    [TestCase(new float[] { 0, -7, 0, 0 }, 0, 0.75)]
    [TestCase(new float[] { 0, 0, 0, 0 }, double.NaN, double.NaN)]
    [TestCase(new float[] { 1, 2, float.NaN, 0 }, double.NaN, double.NaN)]
    public void EntropyAndGiniAreThoseComputedByHand(float[] attributions, double entropy, double gini)
    {
        using LinearCase model = new([1, 1, 1, 1], attributions);
        Assert.That(model.Of(new Complexity()), Is.EqualTo(entropy).Within(1e-6));
        Assert.That(model.Of(new Sparseness()), Is.EqualTo(gini).Within(1e-6));
    }

    [Test]
    public void FeaturesCountNotEntries()
    {
        using LinearCase columns = new([1, 1, 1, 1], [3, 1, 2, 2], features: Features.Columns([2, 2])), each = new([1, 1, 1, 1], [3, 1, 2, 2]);
        Assert.That(columns.Of(new Complexity()), Is.EqualTo(Math.Log(2)).Within(1e-6));
        Assert.That(each.Of(new Complexity()), Is.Not.EqualTo(Math.Log(2)).Within(1e-2));
    }

    [Test]
    public void BoundsHoldAndScaleDoesNotMatter() => Check.One(
        Seeded.Cases(100),
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            Random random = new(seed);
            int n = random.Next(2, 30);
            float[] values = [.. Enumerable.Range(0, n).Select(_ => (float)(random.NextDouble() - 0.5))], scaled = [.. values.Select(v => v * -16)];
            using LinearCase one = new(values), other = new(values, scaled);
            double entropy = one.Of(new Complexity()), gini = one.Of(new Sparseness());
            return entropy >= 0 && entropy <= Math.Log(n) + 1e-9 && gini >= 0 && gini <= 1 - (1.0 / n) + 1e-9
                && Math.Abs(entropy - other.Of(new Complexity())) < 1e-9 && Math.Abs(gini - other.Of(new Sparseness())) < 1e-9;
        }));
}
