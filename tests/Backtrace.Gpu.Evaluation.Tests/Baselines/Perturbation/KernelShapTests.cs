using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Tests.Support;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class KernelShapTests
{
    [Test]
    public void AllCoalitionsGiveExactShapleyValues() => Cases.ForRandom(20, random =>
    {
        int players = random.Next(1, 9);
        float[] x = Cases.Numbers(players, random);
        using FunctionModel network = Cases.Network(players, random.Next());
        using Features features = Features.Each(players);
        using Samples samples = Cases.Row(features, x);
        float[] actual = Cases.Explain(new KernelShapExplainer(new(network)), samples);
        double[] expected = Cases.Shapley(i => network.call(i).softmax(1).select(1, 0), x, new float[players]);
        double[] scores = Cases.Shapley(i => network.call(i).select(1, 0), x, new float[players]);
        Assert.That(Difference(actual, expected), Is.LessThan(2e-5));
        Assert.That(Difference(actual, scores), Is.GreaterThan(1e-3), "probabilities are explained, not scores");
    });

    [Test]
    public void BackgroundsAreAveraged() => Cases.ForRandom(10, random =>
    {
        int players = random.Next(2, 7);
        float[] x = Cases.Numbers(players, random);
        float[][] references = [.. Enumerable.Range(0, 3).Select(_ => Cases.Numbers(players, random))];
        using FunctionModel network = Cases.Network(players, random.Next());
        using Features features = Features.Each(players);
        using Samples samples = Cases.Row(features, x);
        using Tensor background = tensor(references.SelectMany(r => r).ToArray()).view(3, players);
        double[] expected = Cases.Shapley(i => network.call(i).select(1, 0), x, references);
        foreach (int batch in new[] { 1, 7, 256 })
        {
            KernelShapOptions options = new() { Background = background, Output = ModelOutput.Score, MaximumBatch = batch };
            Assert.That(Difference(Cases.Explain(new KernelShapExplainer(new(network), options), samples), expected), Is.LessThan(1e-4), $"batches of {batch}");
            Assert.That(network.Largest, Is.LessThanOrEqualTo(Math.Max(batch, 3)).Or.EqualTo(1 << players), "what the test itself asks");
        }

        double[] first = Cases.Shapley(i => network.call(i).select(1, 0), x, references[0]);
        Assert.That(Difference([.. first.Select(v => (float)v)], expected), Is.GreaterThan(1e-3), "one reference gives other values");
    });

    [Test]
    public void ValuesAddUpHoweverFewCoalitionsThereAre() => Cases.ForRandom(5, random =>
    {
        int players = random.Next(12, 30);
        float[] x = Cases.Numbers(players, random);
        using FunctionModel network = Cases.Network(players, random.Next());
        using Features features = Features.Each(players);
        using Samples samples = Cases.Row(features, x);
        foreach (L1 l1 in Enum.GetValues<L1>())
        {
            float[] values = Cases.Explain(new KernelShapExplainer(new(network), new() { Samples = 4 * players, Output = ModelOutput.Score, L1 = l1, NumFeatures = 4 }), samples);
            using Tensor ends = network.call(cat([samples.Input, samples.Absent]));
            double total = ends[0, 0].item<float>() - ends[1, 0].item<float>();
            Assert.That(values.Sum(), Is.EqualTo(total).Within(1e-4), $"{l1}");
            Assert.That(values.Count(v => v != 0), l1 == L1.NumFeatures ? Is.EqualTo(4) : Is.GreaterThan(0));
        }
    });

    [Test]
    public void ALinearModelIsExactWithFewCoalitions()
    {
        float[] weights = [.. Enumerable.Range(1, 30).Select(k => (float)(k % 7 - 3))], x = [.. Enumerable.Range(1, 30).Select(k => k * 0.1f)];
        using FunctionModel model = FunctionModel.Linear(weights);
        using Features features = Features.Each(30);
        using Samples samples = Cases.Row(features, x);
        float[] values = Cases.Explain(new KernelShapExplainer(new(model), new() { Samples = 300, Output = ModelOutput.Score }), samples);
        Assert.That(Deviation.Of(values, [.. weights.Zip(x, (w, v) => w * v)]), Is.LessThan(1e-4));
    }

    [Test]
    public void EqualPlayersGetTheSameAndIdleOnesNothing()
    {
        using FunctionModel model = new(x => (x.select(1, 0) * x.select(1, 1) + x.select(1, 2).square() + 0 * x.select(1, 3)).unsqueeze(1));
        using Features features = Features.Each(4);
        using Samples samples = Cases.Row(features, 2, 2, 3, 5);
        float[] values = Cases.Explain(new KernelShapExplainer(new(model), new() { Output = ModelOutput.Score }), samples);
        Assert.That(values, Is.EqualTo(new float[] { 2, 2, 9, 0 }).Within(1e-4));
    }

    [Test]
    public void FeaturesThatDoNotVaryAreLeftOut()
    {
        using FunctionModel model = FunctionModel.Linear(1, 2, 4, 8);
        using Features features = Features.Each(4);
        using Samples samples = Cases.Row(features, 1, 0, 0, 0), pair = Cases.Row(features, 1, 0, 1, 0), none = Cases.Row(features, 0, 0, 0, 0);
        KernelShapOptions options = new() { Output = ModelOutput.Score, MaximumBatch = 1 };
        int calls = model.Calls;
        Assert.Multiple(() =>
        {
            Assert.That(Cases.Explain(new KernelShapExplainer(new(model), options), samples), Is.EqualTo(new float[] { 1, 0, 0, 0 }));
            Assert.That(Cases.Explain(new KernelShapExplainer(new(model), options), pair), Is.EqualTo(new float[] { 1, 0, 4, 0 }).Within(1e-6));
            Assert.That(Cases.Explain(new KernelShapExplainer(new(model), options), none), Is.All.Zero);
            Assert.That(model.Calls - calls, Is.EqualTo(2 + 4 + 2), "only coalitions of those that vary are evaluated");
        });
    }

    [TestCase(L1.NumFeatures)]
    [TestCase(L1.Aic)]
    [TestCase(L1.Auto)]
    public void L1FindsTheFewFeaturesThatCount(L1 l1)
    {
        float[] weights = new float[16];
        (weights[2], weights[5], weights[11]) = (3, -2, 1);
        using FunctionModel model = FunctionModel.Linear(weights);
        using Features features = Features.Each(16);
        using Samples samples = Cases.Row(features, [.. Enumerable.Repeat(1f, 16)]);
        float[] kept = Cases.Explain(new KernelShapExplainer(new(model), new() { L1 = l1, NumFeatures = 3, Output = ModelOutput.Score }), samples);
        float[] two = Cases.Explain(new KernelShapExplainer(new(model), new() { L1 = L1.NumFeatures, NumFeatures = 2, Output = ModelOutput.Score }), samples);
        Assert.That(kept, Is.EqualTo(weights).Within(1e-5));
        Assert.That(two, Is.Not.EqualTo(weights).Within(1e-2), "two are not enough");
    }

    [Test]
    public void AutoSelectsNothingWhereAFifthOfTheCoalitionsIsKnown()
    {
        using FunctionModel network = Cases.Network(8, 4);
        using Features features = Features.Each(8);
        using Samples samples = Cases.Row(features, Cases.Numbers(8, new Random(5)));
        float[] Values(L1 l1) => Cases.Explain(new KernelShapExplainer(new(network), new() { Samples = 76, L1 = l1 }), samples);
        Assert.That(Values(L1.Auto), Is.EqualTo(Values(L1.None)), "76 of 254");
    }

    [Test]
    public void TwoThousandAndFortyEightCoalitionsAndTwoPerFeatureAreUsual()
    {
        using FunctionModel model = FunctionModel.Linear([.. Enumerable.Repeat(1f, 12)]);
        using Features features = Features.Each(12);
        using Samples samples = Cases.Row(features, [.. Enumerable.Repeat(1f, 12)]);
        Cases.Explain(new KernelShapExplainer(new(model), new() { MaximumBatch = 1, Output = ModelOutput.Score }), samples);
        Assert.That(model.Calls, Is.EqualTo(2 + (2 * 12) + 2048));
    }

    [Test]
    public void ASampleIsExplainedAlikeWhateverItsPlace()
    {
        using FunctionModel network = Cases.Network(12, 4);
        using Features features = Features.Each(12);
        float[] x = Cases.Numbers(12, new Random(5));
        using Samples alone = Cases.Row(features, x);
        using Samples third = new(tensor([.. Cases.Numbers(24, new Random(6)), .. x]).view(3, 12), alone.Targets.repeat(3), alone.Absent.clone(), features);
        float[] Values(Samples samples) => Cases.Explain(new KernelShapExplainer(new(network), new() { Samples = 100 }), samples);
        Assert.That(Deviation.Of(Values(third).AsSpan(24), Values(alone)), Is.LessThan(1e-5));
    }

    [Test]
    public void TheSameSeedGivesTheSameValues()
    {
        using FunctionModel network = Cases.Network(20, 3);
        using Features features = Features.Each(20);
        using Samples samples = Cases.Row(features, Cases.Numbers(20, new Random(2)));
        float[] Values(int seed) => Cases.Explain(new KernelShapExplainer(new(network), new() { Samples = 100, Seed = seed }), samples);
        Assert.That(Values(1), Is.EqualTo(Values(1)));
        Assert.That(Values(2), Is.Not.EqualTo(Values(1)));
    }

    [Test]
    public void TooFewCoalitionsAreRefused()
    {
        using FunctionModel model = FunctionModel.Linear([.. Enumerable.Repeat(1f, 20)]);
        using Features features = Features.Each(20);
        using Samples samples = Cases.Row(features, [.. Enumerable.Repeat(1f, 20)]);
        using KernelShapExplainer tiny = new(new(model), new() { Samples = 10 }), small = new(new(model), new() { Samples = 10, L1 = L1.NumFeatures, NumFeatures = 3 });
        using Tensor misshapen = zeros(2, 19);
        using KernelShapExplainer other = new(new(model), new() { Background = misshapen });
        Assert.Multiple(() =>
        {
            Assert.That(() => tiny.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("at least 38 coalitions"));
            Assert.That(() => small.Explain(samples).Dispose(), Throws.Nothing);
            Assert.That(() => other.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("background"));
            Assert.That(() => new KernelShapOptions { Samples = 0 }, Throws.InstanceOf<ArgumentException>());
        });
    }

    // Six coalitions of four features are three equations, if no pair of size 2 follows from the others. Few seeds draw one that does.
    [Test]
    public void CoalitionsThatDoNotDetermineTheValuesAreNamedAndARidgeHelps()
    {
        using FunctionModel network = Cases.Network(4, 5);
        using Features features = Features.Each(4);
        using Samples samples = Cases.Row(features, 1, -1, 2, 0.5f);
        using Tensor ends = network.call(cat([samples.Input, samples.Absent])).softmax(1);
        int seed = 0;
        ExplainerException? refusal = null;
        for (; refusal is null; seed++)
        {
            Assert.That(seed, Is.LessThan(1000), "no seed is refused");
            try
            {
                Cases.Explain(new KernelShapExplainer(new(network), new() { Samples = 6, Seed = seed }), samples);
            }
            catch (ExplainerException e)
            {
                refusal = e;
            }
        }

        float[] values = Cases.Explain(new KernelShapExplainer(new(network), new() { Samples = 6, Seed = seed - 1, Ridge = 1e-6 }), samples);
        Assert.Multiple(() =>
        {
            Assert.That(refusal.Message, Does.Contain("set Ridge"));
            Assert.That(seed, Is.GreaterThan(1), "other seeds are not refused");
            Assert.That(values.Sum(), Is.EqualTo(ends[0, 0].item<float>() - ends[1, 0].item<float>()).Within(1e-5));
        });
    }

    [Test]
    public void CancellationIsSeenBetweenBatches()
    {
        using CancellationTokenSource source = new();
        using FunctionModel model = FunctionModel.Linear(1, 2, 4, 8, 16);
        using Features features = Features.Each(5);
        using Samples samples = Cases.Row(features, 1, 1, 1, 1, 1);
        using KernelShapExplainer explainer = new(new(model), new() { MaximumBatch = 4 });
        model.OnCall = call => { if (call == 3) source.Cancel(); };
        Assert.That(() => explainer.Explain(samples, source.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(model.Calls, Is.EqualTo(3));
        model.OnCall = _ => { };
        using Tensor whole = explainer.Explain(samples);
        Assert.That(model.Calls, Is.EqualTo(3 + 1 + 8), "without it, all batches run");
    }

    private static double Difference(float[] actual, double[] expected) => actual.Zip(expected, (a, e) => Math.Abs(a - e)).Max();
}
