using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Evaluation;

public sealed class PerturbationCurveTests
{
    private static readonly CurveOptions Score = new() { Output = ModelOutput.Score };
    private static readonly float[] Falling = [4, 3, 2, 1], Rising = [1, 2, 3, 4], Equal = [1, 1, 1, 1];

    [Test]
    public void AreasOfAnAdditiveModelAreThoseComputedByHand()
    {
        using LinearCase exact = new(Falling), reversed = new(Falling, Rising), equal = new(Falling, Equal);
        MorfAuc morf = new() { Curve = Score };
        LerfAuc lerf = new() { Curve = Score };
        DeltaAuc delta = new() { Curve = Score };
        Assert.Multiple(() =>
        {
            Assert.That(exact.Of(morf), Is.EqualTo(0.375).Within(1e-6));
            Assert.That(exact.Of(lerf), Is.EqualTo(0.625).Within(1e-6));
            Assert.That(exact.Of(delta), Is.EqualTo(0.25).Within(1e-6));
            Assert.That(exact.Of(new Abpc()), Is.EqualTo(2.5).Within(1e-6), "in units of the score, which is 10");
            Assert.That(reversed.Of(morf), Is.EqualTo(0.625).Within(1e-6), "the wrong order");
            Assert.That(reversed.Of(delta), Is.EqualTo(-0.25).Within(1e-6), "the wrong order");
            Assert.That(equal.Of(delta), Is.Zero, "attributions that say nothing");
        });
    }

    [Test]
    public void PointsAreWhatIsLeft()
    {
        using LinearCase exact = new(Falling);
        double[] Of(CurveOptions options) => PerturbationCurve.Measure(exact.Measurement, options with { Output = ModelOutput.Score }).Values[0];
        Assert.Multiple(() =>
        {
            Assert.That(Of(new()), Is.EqualTo(new double[] { 10, 6, 3, 1, 0 }));
            Assert.That(Of(new() { Order = FeatureOrder.LeastRelevantFirst }), Is.EqualTo(new double[] { 10, 9, 7, 4, 0 }));
            Assert.That(Of(new() { Restore = true }), Is.EqualTo(new double[] { 0, 4, 7, 9, 10 }));
            Assert.That(Of(new() { FeaturesPerStep = 3 }), Is.EqualTo(new double[] { 10, 1, 0 }));
            Assert.That(Of(new() { Steps = 2 }), Is.EqualTo(new double[] { 10, 3, 0 }));
            Assert.That(Of(new() { Steps = 100 }), Is.EqualTo(new double[] { 10, 6, 3, 1, 0 }));
            Assert.That(Of(new() { MaximumSteps = 1 }), Is.EqualTo(new double[] { 10, 6 }));
            Assert.That(Of(new() { Shares = [0.01, 0.5] }), Is.EqualTo(new double[] { 10, 6, 3 }));
        });
    }

    [Test]
    public void AbsoluteValuesRankNegativeAttributionsToo()
    {
        using LinearCase signed = new([4, -3, 2, 1]);
        double[] Of(bool absolute) => PerturbationCurve.Measure(signed.Measurement, Score with { Absolute = absolute }).Values[0];
        Assert.Multiple(() =>
        {
            Assert.That(Of(false), Is.EqualTo(new double[] { 4, 0, -2, -3, 0 }));
            Assert.That(Of(true), Is.EqualTo(new double[] { 4, 0, 3, 1, 0 }));
        });
    }

    [Test]
    public void SamplesAndBatchesDoNotMix()
    {
        using LinearCase three = new(Falling, samples: 3);
        using Tensor input = tensor(new float[] { 1, 1, 1, 1, 2, 2, 2, 2, 1, 0, 0, 0 }).view(3, 4), own = tensor(new float[] { 0, 0, 0, 9, 9, 9, 9, 9, 0, 0, 0, 0 }).view(3, 4);
        Measurement measurement = three.Measurement with { Samples = three.Measurement.Samples with { Input = input, Absent = own } };
        PerturbationCurve large = PerturbationCurve.Measure(measurement, Score), small = PerturbationCurve.Measure(measurement, Score with { MaximumBatch = 4 });
        Assert.Multiple(() =>
        {
            Assert.That(large.Values, Is.EqualTo(small.Values));
            Assert.That(large.Values[0], Is.EqualTo(new double[] { 10, 6, 3, 1, 9 }));
            Assert.That(large.Values[1], Is.EqualTo(new double[] { 20, 48, 69, 83, 90 }));
            Assert.That(large.Values[2], Is.EqualTo(new double[] { 4, 0, 0, 0, 0 }));
            Assert.That(large.Whole, Is.EqualTo(new double[] { 10, 20, 4 }));
        });
    }

    [Test]
    public void EntriesWithoutFeatureStay()
    {
        Features features = new(tensor(new long[] { -1, 0, 1, -1 }));
        using LinearCase special = new(Falling, features: features);
        Assert.That(PerturbationCurve.Measure(special.Measurement, Score).Values[0], Is.EqualTo(new double[] { 10, 7, 5 }));
    }

    [Test]
    public void ARandomOrderIsAnotherForEachInputAndTheSameInEachCall()
    {
        using LinearCase two = new([1, 2, 4, 8, 16, 32], samples: 2);
        using Tensor twice = two.Measurement.Samples.Input[1];
        twice.mul_(2);
        CurveOptions options = Score with { Order = FeatureOrder.Random };
        PerturbationCurve first = PerturbationCurve.Measure(two.Measurement, options), again = PerturbationCurve.Measure(two.Measurement, options);
        PerturbationCurve other = PerturbationCurve.Measure(two.Measurement, options with { Seed = 1 });
        Assert.Multiple(() =>
        {
            Assert.That(again.Values, Is.EqualTo(first.Values));
            Assert.That(first.Values[1].Select(value => value / 2), Is.Not.EqualTo(first.Values[0]));
            Assert.That(other.Values[0], Is.Not.EqualTo(first.Values[0]));
        });
    }

    [Test]
    public void NaNStaysWithItsSample()
    {
        using LinearCase two = new(Falling, samples: 2);
        using Tensor attributions = two.Measurement.Attributions.clone();
        attributions[0, 2] = float.NaN;
        double[] areas = PerturbationCurve.Measure(two.Measurement with { Attributions = attributions }, Score).Areas(isNormalised: true);
        Assert.That(areas, Is.EqualTo(new[] { double.NaN, 0.375 }).Within(1e-6));
    }

    [Test]
    public void AnAreaIsNotNormalisedByAnAnswerThatIsNotPositive()
    {
        using LinearCase negative = new([-1, -2]);
        PerturbationCurve curve = PerturbationCurve.Measure(negative.Measurement, Score);
        Assert.That((curve.Areas(isNormalised: true)[0], curve.Areas(isNormalised: false)[0]), Is.EqualTo((double.NaN, -1.75)));
    }

    [Test]
    public void InterpolationMeetsThePoints()
    {
        using LinearCase exact = new(Falling);
        PerturbationCurve curve = PerturbationCurve.Measure(exact.Measurement, Score);
        Assert.That(curve.At(0, [0, 0.125, 0.25, 0.9, 1, 2]), Is.EqualTo(new[] { 10, 8, 6, 0.4, 0, 0 }).Within(1e-6));
    }

    [Test]
    public void OptionsThatMakeNoCurveAreRefused()
    {
        using LinearCase exact = new(Falling);
        foreach (CurveOptions options in new CurveOptions[] { new() { FeaturesPerStep = 0 }, new() { Steps = 0 }, new() { MaximumBatch = 0 }, new() { Shares = [0] }, new() { Shares = [1.1] } })
            Assert.That(() => PerturbationCurve.Measure(exact.Measurement, options), Throws.ArgumentException, options.ToString());
        using Tensor wrong = ones(1, 3);
        Assert.That(() => PerturbationCurve.Measure(exact.Measurement with { Attributions = wrong }), Throws.ArgumentException.With.Message.Contains("[1, 3]"));
    }
}
