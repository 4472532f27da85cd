using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines;

public sealed class FeaturesTests
{
    [Test]
    public void SumAndSpreadKeepTotalsAndLeaveFixedEntriesOut()
    {
        using Features features = new(tensor(new long[] { -1, 0, 0, 1 }));
        using Tensor values = tensor(new float[] { 9, 1, 2, 4 }).view(1, 4), sums = features.Sum(values), spread = features.Spread(sums);
        Assert.Multiple(() =>
        {
            Assert.That(sums.data<float>().ToArray(), Is.EqualTo(new float[] { 3, 4 }));
            Assert.That(spread.data<float>().ToArray(), Is.EqualTo(new[] { 0, 1.5f, 1.5f, 4 }));
        });
    }

    [Test]
    public void TakenFeaturesAreReplacedInAllTheirEntries()
    {
        using Features features = Features.Pixels(2, 1, 3);
        using Tensor input = tensor(new float[] { 1, 2, 3, 4, 5, 6 }).view(1, 2, 1, 3), absent = zeros(1, 2, 1, 3);
        using Tensor present = tensor(new[] { true, false, true, false, false, true }).view(2, 3), taken = features.Take(input, absent, present);
        Assert.That(taken.data<float>().ToArray(), Is.EqualTo(new float[] { 1, 0, 3, 4, 0, 6, 0, 0, 3, 0, 0, 6 }));
    }

    [Test]
    public void TokensAreReplacedByTokensAndSpecialOnesStay()
    {
        using Features features = new(tensor(new long[] { -1, 0, 1, -1 }));
        using Tensor ids = tensor(new long[] { 101, 7, 8, 102 }).view(1, 4), unknown = tensor(new long[] { 100 }).view(1, 1);
        using Tensor present = tensor(new[] { false, true }).view(1, 2), taken = features.Take(ids, unknown, present);
        Assert.That(taken.data<long>().ToArray(), Is.EqualTo(new long[] { 101, 100, 8, 102 }));
    }

    [TestCase(new long[] { -1, -1 }, "no features")]
    [TestCase(new long[] { 0, 2 }, "Feature 1")]
    [TestCase(new long[] { 0, -2 }, "-2")]
    public void GroupsThatMakeNoFeaturesAreRefused(long[] groups, string said) =>
        Assert.That(() => new Features(tensor(groups)), Throws.ArgumentException.With.Message.Contains(said));

    [Test]
    public void OneHotColumnsAreOneFeature()
    {
        using Features features = Features.Columns([1, 3]);
        using Tensor values = tensor(new float[] { 1, 2, 3, 4 }).view(1, 4), sums = features.Sum(values);
        Assert.That(sums.data<float>().ToArray(), Is.EqualTo(new float[] { 1, 9 }));
    }
}
