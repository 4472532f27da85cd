using Backtrace.Gpu.Evaluation;

namespace Backtrace.Gpu.Tests.Evaluation;

public sealed class StatisticsTests
{
    [Test]
    public void CorrelationsAreThoseComputedByHand() => Assert.Multiple(() =>
    {
        Assert.That(Correlation.Pearson([1, 2, 3], [1, 3, 2]), Is.EqualTo(0.5).Within(1e-12));
        Assert.That(Correlation.Pearson([1, 2, 3], [1, 10, 100]), Is.EqualTo(99 / Math.Sqrt(2 * 5994)).Within(1e-12), "not linear");
        Assert.That(Correlation.Spearman([1, 2, 3], [1, 10, 100]), Is.EqualTo(1).Within(1e-12));
        Assert.That(Correlation.Ranks([7, 3, 3, 9]), Is.EqualTo(new[] { 3, 1.5, 1.5, 4 }));
        Assert.That(Correlation.Spearman([1, 2, 2, 3], [1, 2, 3, 4]), Is.EqualTo(Math.Sqrt(0.9)).Within(1e-12), "ties");
        Assert.That(Correlation.Pearson([0.1, 0.1, 0.1], [1, 2, 3]), Is.NaN);
        Assert.That(Correlation.Spearman([1, double.NaN, 2], [1, 2, 3]), Is.NaN);
        Assert.That(Correlation.Pearson([1, 2, 3], [0.1, 0.1, 0.1]), Is.NaN, "nor does the second vary");
        Assert.That(Correlation.Spearman([1, 2, 3], [1, double.NaN, 2]), Is.NaN);
        Assert.That(Correlation.Pearson([1], [2]), Is.NaN, "one pair");
        Assert.That(Correlation.Pearson([], []), Is.NaN, "no pair");
        Assert.That(() => Correlation.Pearson([1, 2], [1]), Throws.ArgumentException);
    });

    [Test]
    public void IntervalsCoverAKnownMeanAboutAsOftenAsTheySay()
    {
        Random random = new(1);
        int covered = 0, narrow = 0;
        for (int trial = 0; trial < 200; trial++)
        {
            double[] values = [.. Enumerable.Range(0, 50).Select(_ => random.NextDouble() + random.NextDouble())];
            covered += Contains(Bootstrap.Mean(values, trial, 400), 1) ? 1 : 0;
            narrow += Contains(Bootstrap.Mean(values, trial, 400, confidence: 0.5), 1) ? 1 : 0;
        }

        Assert.That(covered / 200.0, Is.InRange(0.91, 0.98));
        Assert.That(narrow / 200.0, Is.InRange(0.4, 0.6), "half of the confidence, half of the cover");
    }

    [Test]
    public void NaNAreLeftOutAndCounted()
    {
        Interval interval = Bootstrap.Mean([1, double.NaN, 3]);
        Assert.Multiple(() =>
        {
            Assert.That((interval.Mean, interval.Count, interval.Missing), Is.EqualTo((2.0, 2, 1)));
            Assert.That((interval.Lower, interval.Upper), Is.EqualTo((1.0, 3.0)), "each of three means is drawn often");
            Assert.That(Bootstrap.Mean([double.NaN]).Mean, Is.NaN);
            Assert.That(Bootstrap.Mean([5, 5, 5]), Is.EqualTo(new Interval(5, 5, 5, 3, 0)));
            Assert.That(Bootstrap.Mean([1, 2, 9], seed: 3), Is.EqualTo(Bootstrap.Mean([1, 2, 9], seed: 3)));
        });
    }

    [Test]
    public void PairsTellMethodsApartThatIntervalsDoNot()
    {
        Random random = new(2);
        double[] second = [.. Enumerable.Range(0, 40).Select(_ => random.NextDouble() * 10)], first = [.. second.Select(v => v + 0.2 + random.NextDouble())];
        Interval difference = Bootstrap.Difference(first, second), a = Bootstrap.Mean(first), b = Bootstrap.Mean(second);
        Assert.Multiple(() =>
        {
            Assert.That(difference.ExcludesZero, Is.True);
            Assert.That(difference.Mean, Is.EqualTo(0.7).Within(0.15));
            Assert.That(a.Lower, Is.LessThan(b.Upper), "unpaired intervals overlap");
            Assert.That(Bootstrap.Difference(first, first).ExcludesZero, Is.False);
            Assert.That(Bootstrap.Difference([1, double.NaN], [double.NaN, 1]).Missing, Is.EqualTo(2));
            Assert.That(() => Bootstrap.Difference([1], [1, 2]), Throws.ArgumentException);
            Assert.That(() => Bootstrap.Mean([1], resamples: 0), Throws.ArgumentException);
            Assert.That(() => Bootstrap.Mean([1], confidence: 1), Throws.ArgumentException);
            Assert.That(() => Bootstrap.Mean([1], confidence: 0), Throws.ArgumentException);
        });
    }

    [Test]
    public void QuantilesOfFiveResamplesAreTheSecondAndTheFourth()
    {
        for (int seed = 0; seed < 10; seed++)
        {
            Interval interval = Bootstrap.Mean([0, 1, 4, 13, 40], seed, resamples: 5, confidence: 0.5);
            foreach (double bound in new[] { interval.Lower, interval.Upper })
                Assert.That(5 * bound, Is.EqualTo(Math.Round(5 * bound)).Within(1e-9), "a mean of five whole numbers, not a place between two means");
        }
    }

    [TestCase(0, 0.95)]
    [TestCase(10, 0)]
    [TestCase(10, 1)]
    [TestCase(10, double.NaN)]
    public void ABootstrapNeedsResamplesAndAConfidence(int resamples, double confidence) =>
        Assert.That(() => Bootstrap.Mean([1, 2], resamples: resamples, confidence: confidence), Throws.ArgumentException.With.Message.Contains("between 0 and 1"));

    private static bool Contains(Interval interval, double mean) => interval.Lower <= mean && mean <= interval.Upper;
}
