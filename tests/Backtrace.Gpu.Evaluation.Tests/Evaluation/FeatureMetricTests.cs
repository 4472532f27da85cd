using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Evaluation;

/// <summary>Metrics that take features away, with numbers computed by hand for contributions [4, 3, 2, 1].</summary>
public sealed class FeatureMetricTests
{
    private static readonly float[] Falling = [4, 3, 2, 1], Rising = [1, 2, 3, 4];

    private static double P(double score) => LinearCase.Sigmoid(score);

    [Test]
    public void PixelFlippingIsTheAreaUnderTheProbability()
    {
        using LinearCase exact = new(Falling), reversed = new(Falling, Rising);
        Assert.Multiple(() =>
        {
            Assert.That(exact.Of(new PixelFlipping()), Is.EqualTo(((P(10) + P(0)) / 2 + P(6) + P(3) + P(1)) / 4).Within(1e-6));
            Assert.That(reversed.Of(new PixelFlipping()), Is.EqualTo(((P(10) + P(0)) / 2 + P(9) + P(7) + P(4)) / 4).Within(1e-6));
        });
    }

    [Test]
    public void ComprehensivenessAndSufficiencyAverageOverBins()
    {
        using LinearCase exact = new(Falling), reversed = new(Falling, Rising);
        Assert.Multiple(() => // 1, 5, 10 and 20 % of four features are one, 50 % are two
        {
            Assert.That(exact.Of(new Comprehensiveness()), Is.EqualTo(P(10) - ((4 * P(6)) + P(3)) / 5).Within(1e-6));
            Assert.That(exact.Of(new Sufficiency()), Is.EqualTo(P(10) - ((4 * P(4)) + P(7)) / 5).Within(1e-6));
            Assert.That(exact.Of(new Sufficiency { Bins = [1] }), Is.Zero.Within(1e-9), "all features");
            Assert.That(reversed.Of(new Comprehensiveness()), Is.LessThan(exact.Of(new Comprehensiveness())));
            Assert.That(reversed.Of(new Sufficiency()), Is.GreaterThan(exact.Of(new Sufficiency())));
        });
    }

    [Test]
    public void FaithfulnessEstimateCorrelatesSingleFeatures()
    {
        using LinearCase exact = new(Falling), swapped = new(Falling, [4, 3, 1, 2]), reversed = new(Falling, Rising), equal = new(Falling, [1, 1, 1, 1]);
        FaithfulnessEstimate metric = new();
        Assert.Multiple(() =>
        {
            Assert.That(exact.Of(metric), Is.EqualTo(1).Within(1e-6));
            Assert.That(swapped.Of(metric), Is.EqualTo(0.8).Within(1e-6));
            Assert.That(reversed.Of(metric), Is.EqualTo(-1).Within(1e-6));
            Assert.That(equal.Of(metric), Is.NaN);
        });
    }

    [Test]
    public void FaithfulnessCorrelationCorrelatesSets()
    {
        using LinearCase exact = new(Falling), negative = new(Falling, [-4, -3, -2, -1]), swapped = new(Falling, [4, 3, 1, 2]);
        Assert.Multiple(() =>
        {
            Assert.That(exact.Of(new FaithfulnessCorrelation { SubsetSize = 2 }), Is.EqualTo(1).Within(1e-6));
            Assert.That(negative.Of(new FaithfulnessCorrelation()), Is.EqualTo(-1).Within(1e-6));
            // Six pairs, all about equally often: sums 7 5 6 4 5 3 against falls 7 6 5 5 4 3.
            Assert.That(swapped.Of(new FaithfulnessCorrelation { SubsetSize = 2, Runs = 20_000 }), Is.EqualTo(0.8).Within(0.02));
            Assert.That(exact.Of(new FaithfulnessCorrelation { SubsetSize = 4 }), Is.NaN, "all sets are the same");
            Assert.That(() => exact.Of(new FaithfulnessCorrelation { SubsetSize = 5 }), Throws.ArgumentException.With.Message.Contains("5"));
        });
    }

    [Test]
    public void FaithfulnessCorrelationTakesAQuarterOfTheFeaturesAnd224AtMost()
    {
        foreach ((int features, int size) in new[] { (40, 10), (1000, 224) })
        {
            float[] weights = [.. Enumerable.Range(0, features).Select(k => MathF.Sin(k))], other = [.. Enumerable.Range(0, features).Select(k => MathF.Cos(3 * k))];
            using LinearCase many = new(weights, other);
            Assert.That(many.Of(new FaithfulnessCorrelation { Runs = 20 }), Is.EqualTo(many.Of(new FaithfulnessCorrelation { Runs = 20, SubsetSize = size })), $"of {features}");
        }
    }

    [Test]
    public void MonotonicityAsksWhetherTheProbabilityEverFalls()
    {
        using LinearCase supporting = new(Falling), opposing = new([4, -3, 2, 1]), onlyFirst = new([4, 3, 2, -1]), rounded = new([0.5f, -1e-6f, 0.5f], [3, 2, 1]);
        Assert.Multiple(() =>
        {
            Assert.That(supporting.Of(new Monotonicity()), Is.EqualTo(1));
            Assert.That(opposing.Of(new Monotonicity()), Is.Zero);
            Assert.That(onlyFirst.Of(new Monotonicity()), Is.EqualTo(1), "the first point is the input with one feature");
            Assert.That(rounded.Of(new Monotonicity()), Is.EqualTo(1), "what rounding can do is no fall");
        });
    }

    [Test]
    public void MonotonicityCorrelationRanksSquaredChanges()
    {
        using LinearCase exact = new([4, -3, 2, 1]), swapped = new([4, -3, 2, 1], [4, 3, 1, 2]), reversed = new([4, -3, 2, 1], Rising);
        MonotonicityCorrelation metric = new() { Output = ModelOutput.Score };
        Assert.That((exact.Of(metric), swapped.Of(metric), reversed.Of(metric)), Is.EqualTo((1.0, 0.8, -1.0)).Using<double>((a, b) => Math.Abs(a - b) < 1e-9));
        // Of the probability of 4, which 0, 7, 2 and 3 follow, the changes rank 4, 1, 3, 2.
        Assert.That(exact.Of(new MonotonicityCorrelation()), Is.EqualTo(0.4).Within(1e-9));
    }

    [Test]
    public void InfidelityIsTheMeanSquaredError()
    {
        using LinearCase exact = new(Falling), off = new(Falling, [3, 3, 2, 1]), twice = new(Falling, [8, 6, 4, 2]);
        Assert.Multiple(() =>
        {
            Assert.That(exact.Of(new Infidelity()), Is.Zero.Within(1e-9));
            Assert.That(off.Of(new Infidelity()), Is.EqualTo(0.25).Within(1e-6));
            Assert.That(twice.Of(new Infidelity()), Is.EqualTo(7.5).Within(1e-5), "(16 + 9 + 4 + 1) / 4");
            Assert.That(twice.Of(new Infidelity { Normalise = true }), Is.Zero.Within(1e-9));
            Assert.That(off.Of(new Infidelity { Normalise = true }), Is.GreaterThan(0.05));
        });
    }

    [Test]
    public void TablesHaveNoPatches()
    {
        using LinearCase table = new(Falling);
        Assert.That(() => table.Of(new RegionPerturbation()), Throws.TypeOf<ExplainerException>().With.Message.Contains("[1, 4]"));
        Assert.That(() => table.Of(new Road()), Throws.TypeOf<ExplainerException>().With.Message.Contains("ROAD"));
    }
}
