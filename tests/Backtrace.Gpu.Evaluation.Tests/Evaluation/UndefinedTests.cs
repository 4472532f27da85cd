using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Evaluation;

/// <summary>What metrics say of explanations that say nothing, as docs/metrics.md has it.</summary>
public sealed class UndefinedTests
{
    private const double Undefined = double.NaN;

    private static readonly float[] Falling = [4, 3, 2, 1];

    // Of a model with contributions 4, 3, 2, 1, or 4 alone: an explanation of equal numbers, of zeros, and of a single feature, right and 0.
    private static IEnumerable<TestCaseData> Cases()
    {
        static double P(double score) => LinearCase.Sigmoid(score);
        static TestCaseData Case(Metric metric, double equal, double zero, double one, double oneZero) => new TestCaseData(metric, equal, zero, one, oneZero).SetArgDisplayNames(metric.Name);
        double inOrder = ((P(10) / 2) + P(6) + P(3) + P(1) + (P(0) / 2)) / 4, single = (P(4) + P(0)) / 2;
        yield return Case(new PixelFlipping(), inOrder, inOrder, single, single);
        yield return Case(new MorfAuc(), inOrder / P(10), inOrder / P(10), single / P(4), single / P(4));
        yield return Case(new LerfAuc(), inOrder / P(10), inOrder / P(10), single / P(4), single / P(4));
        yield return Case(new DeltaAuc(), 0, 0, 0, 0);
        yield return Case(new Abpc(), 0, 0, 0, 0);
        yield return Case(new Comprehensiveness { Bins = [0.5] }, P(10) - P(3), P(10) - P(3), P(4) - P(0), P(4) - P(0));
        yield return Case(new Sufficiency { Bins = [0.5] }, P(10) - P(7), P(10) - P(7), 0, 0);
        yield return Case(new FaithfulnessCorrelation(), Undefined, Undefined, Undefined, Undefined);
        yield return Case(new FaithfulnessEstimate(), Undefined, Undefined, Undefined, Undefined);
        yield return Case(new Monotonicity(), 1, 1, 1, 1);
        yield return Case(new MonotonicityCorrelation(), Undefined, Undefined, Undefined, Undefined);
        yield return Case(new Infidelity(), (4 + 1 + 0 + 1) / 4.0, (16 + 9 + 4 + 1) / 4.0, 4, 16);
        yield return Case(new Infidelity { Normalise = true }, 7.5 - (6.25 * 1), 7.5, 0, 16);
        yield return Case(new MaxSensitivity { Draws = 3 }, 0, Undefined, 0, Undefined);
        yield return Case(new AvgSensitivity { Draws = 3 }, 0, Undefined, 0, Undefined);
        yield return Case(new LocalLipschitz { Draws = 3 }, 0, Undefined, 0, Undefined);
        yield return Case(new LocalLipschitz { Draws = 3, Normalise = false }, 0, 0, 0, 0);
        yield return Case(new Mprt(), Undefined, Undefined, Undefined, Undefined);
        yield return Case(new SmoothMprt { Draws = 2 }, Undefined, Undefined, Undefined, Undefined);
        yield return Case(new EfficientMprt(), Undefined, Undefined, Undefined, Undefined);
        yield return Case(new Complexity(), Math.Log(4), Undefined, 0, Undefined);
        yield return Case(new Sparseness(), 0, Undefined, 0, Undefined);
    }

    [TestCaseSource(nameof(Cases))]
    public void AnExplanationThatSaysNothing(Metric metric, double equal, double zero, double one, double oneZero)
    {
        Assert.Multiple(() =>
        {
            Assert.That(Of(metric, Falling, [2, 2, 2, 2]), Is.EqualTo(equal).Within(1e-5), "equal numbers");
            Assert.That(Of(metric, Falling, [0, 0, 0, 0]), Is.EqualTo(zero).Within(1e-5), "zeros");
            Assert.That(Of(metric, [4], [2]), Is.EqualTo(one).Within(1e-5), "one feature");
            Assert.That(Of(metric, [4], [0]), Is.EqualTo(oneZero).Within(1e-5), "one feature, 0");
            Assert.That(Of(metric, Falling, [4, float.NaN, 2, 1]), Is.NaN, "not a number");
        });
    }

    [Test]
    public void AModelThatLooksAtNothingHasNoFaithfulness()
    {
        foreach (Metric metric in new Metric[] { new FaithfulnessCorrelation(), new FaithfulnessEstimate(), new MonotonicityCorrelation() })
            Assert.That(Of(metric, [0, 0, 0, 0], Falling), Is.NaN, metric.Name);
    }

    [Test]
    public void AreasAreNotDividedByWhatIsNotPositive()
    {
        CurveOptions scores = new() { Output = ModelOutput.Score };
        foreach (Metric metric in new Metric[] { new MorfAuc { Curve = scores }, new LerfAuc { Curve = scores }, new DeltaAuc { Curve = scores } })
            Assert.That(Of(metric, [-4, -3, -2, -1], Falling), Is.NaN, metric.Name);
    }

    [Test]
    public void OnePictureOfEqualAttributionsLosesItsPixelsInTheirOrder()
    {
        using Sequential network = nn.Sequential(nn.Flatten(), nn.Linear(16, 1));
        using Features pixels = Features.Pixels(1, 4, 4);
        using Samples samples = new(rand(1, 1, 4, 4), zeros(1, int64), zeros(1, 1, 4, 4), pixels);
        using Tensor zero = zeros(1, 1, 4, 4), first = arange(16, 0, -1, float32).view(1, 1, 4, 4);
        foreach (Metric metric in new Metric[] { new RegionPerturbation { PatchSize = 2 }, new Road() })
        {
            Measurement Measured(Tensor attributions) => new(new(network), samples, attributions, StubExplainer.Random());
            Assert.That(metric.Measure(Measured(zero)), Is.EqualTo(metric.Measure(Measured(first))), metric.Name);
        }
    }

    private static double Of(Metric metric, float[] weights, float[] attributions)
    {
        using LinearCase linear = new(weights, attributions, new StubExplainer(samples => tensor(attributions).repeat(samples.Count, 1)));
        return linear.Of(metric);
    }
}
