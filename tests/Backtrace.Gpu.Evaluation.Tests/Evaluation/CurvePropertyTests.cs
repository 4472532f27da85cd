using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;

namespace Backtrace.Gpu.Tests.Evaluation;

/// <summary>What holds for every additive model.</summary>
public sealed class CurvePropertyTests
{
    private static readonly CurveOptions Score = new() { Output = ModelOutput.Score };

    [Test]
    public void TrueContributionsGiveTheLowestCurveAndReversedOnesTheHighest() => ForRandom(60, (random, weights) =>
    {
        float[] any = [.. weights.Select(_ => (float)random.NextDouble())], reversed = [.. weights.Select(w => -w)];
        double Area(float[] attributions)
        {
            using LinearCase model = new(weights, attributions);
            return PerturbationCurve.Measure(model.Measurement, Score).Areas(isNormalised: false)[0];
        }

        double low = Area(weights), high = Area(reversed), other = Area(any);
        return low <= other + 1e-5 && other <= high + 1e-5 && (low < high || weights.Distinct().Count() == 1);
    });

    [Test]
    public void ScaleDoesNotMatterToRankings() => ForRandom(30, (random, weights) =>
    {
        float[] attributions = [.. weights.Select(_ => (float)(random.NextDouble() - 0.5))], scaled = [.. attributions.Select(a => a * 8)];
        using LinearCase one = new(weights, attributions), eight = new(weights, scaled);
        Metric[] metrics = [new PixelFlipping(), new Abpc(), new DeltaAuc(), new Comprehensiveness(), new Sufficiency(), new Monotonicity(), new MonotonicityCorrelation(), new FaithfulnessEstimate()];
        return metrics.All(metric => one.Of(metric).Equals(eight.Of(metric)) || Math.Abs(one.Of(metric) - eight.Of(metric)) < 1e-9);
    });

    [Test]
    public void ScaleMattersToInfidelity() => ForRandom(10, (_, weights) =>
    {
        using LinearCase one = new(weights), eight = new(weights, [.. weights.Select(w => w * 8)]);
        return one.Of(new Infidelity()) < 1e-8 && eight.Of(new Infidelity()) > 1e-8;
    });

    [Test]
    public void MoRFAndLeRFAreMirrored() => ForRandom(30, (_, weights) =>
    {
        float[] distinct = [.. weights.Select((w, i) => w + (i * 1e-3f))], negative = [.. distinct.Select(w => -w)];
        using LinearCase forward = new(distinct), backward = new(distinct, negative);
        return Math.Abs(forward.Of(new Abpc()) + backward.Of(new Abpc())) < 1e-4;
    });

    private static void ForRandom(int cases, Func<Random, float[], bool> holds) => Check.One(
        Seeded.Cases(cases),
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            Random random = new(seed);
            float[] weights = [.. Enumerable.Range(0, random.Next(2, 9)).Select(_ => (float)(random.NextDouble() - 0.3))];
            return holds(random, weights);
        }));
}
