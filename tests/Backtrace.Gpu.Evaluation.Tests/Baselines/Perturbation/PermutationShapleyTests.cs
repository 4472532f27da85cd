using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class PermutationShapleyTests
{
    [Test]
    public void OneOrderIsExactForAdditiveModels() => Cases.ForRandom(20, random =>
    {
        int players = random.Next(1, 9);
        float[] x = Cases.Numbers(players, random);
        using FunctionModel model = new(i => i.sin().sum(1, keepdim: true));
        using Features features = Features.Each(players);
        using Samples samples = Cases.Row(features, x);
        foreach (bool antithetic in new[] { true, false })
        {
            float[] values = Cases.Explain(Explainer(model, new() { Permutations = 1, Antithetic = antithetic, Seed = random.Next() }), samples);
            Assert.That(values, Is.EqualTo(x.Select(v => MathF.Sin(v))).Within(1e-5));
        }
    });

    [Test]
    public void BothDirectionsAreExactForPairsAndOneIsNot()
    {
        using FunctionModel pairs = new(x => (x.select(1, 0) * x.select(1, 1) + 3 * x.select(1, 1) * x.select(1, 2)).unsqueeze(1));
        using Features features = Features.Each(3);
        using Samples samples = Cases.Row(features, 2, 2, 2);
        float[] both = Cases.Explain(Explainer(pairs, new() { Permutations = 1 }), samples), one = Cases.Explain(Explainer(pairs, new() { Permutations = 1, Antithetic = false }), samples);
        Assert.Multiple(() =>
        {
            Assert.That(both, Is.EqualTo(new float[] { 2, 8, 6 }).Within(1e-5));
            Assert.That(one, Is.Not.EqualTo(new float[] { 2, 8, 6 }).Within(1));
            Assert.That(one.Sum(), Is.EqualTo(16).Within(1e-5), "but it adds up");
        });
    }

    [Test]
    public void ValuesAddUpAndComeNearTheExactOnes() => Cases.ForRandom(6, random =>
    {
        int players = random.Next(3, 8);
        float[] x = Cases.Numbers(players, random);
        float[][] references = [Cases.Numbers(players, random), Cases.Numbers(players, random)];
        using FunctionModel network = Cases.Network(players, random.Next());
        using Features features = Features.Each(players);
        using Samples samples = Cases.Row(features, x);
        using Tensor background = tensor(references.SelectMany(r => r).ToArray()).view(2, players);
        double[] expected = Cases.Shapley(i => network.call(i).select(1, 0), x, references);
        double Distance(int permutations)
        {
            float[] values = Cases.Explain(Explainer(network, new() { Permutations = permutations, Background = background, MaximumBatch = 2048 }), samples);
            Assert.That(values.Sum(), Is.EqualTo(expected.Sum()).Within(1e-3));
            return values.Zip(expected, (a, e) => Math.Abs(a - e)).Max();
        }

        double scale = expected.Max(Math.Abs);
        Assert.That(Distance(200), Is.LessThan(0.1 * scale));
    });

    [Test]
    public void TheNumberOfOrdersFollowsFromTheEvaluations()
    {
        using FunctionModel network = Cases.Network(9, 1);
        using Features features = Features.Each(9);
        using Samples samples = Cases.Row(features, Cases.Numbers(9, new Random(1)));
        float[] Values(PermutationShapleyOptions options) => Cases.Explain(Explainer(network, options), samples);
        using PermutationShapleyExplainer tiny = new(new(network), new() { Evaluations = 18 });
        Assert.Multiple(() =>
        {
            Assert.That(Values(new()), Is.EqualTo(Values(new() { Permutations = 26 })), "500 / (2 * 9 + 1)");
            Assert.That(Values(new()), Is.Not.EqualTo(Values(new() { Permutations = 25 })));
            Assert.That(Values(new() { Seed = 2 }), Is.Not.EqualTo(Values(new())));
            Assert.That(() => tiny.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("2 M + 1 = 19"));
        });
    }

    [Test]
    public void IdlePlayersGetNothing()
    {
        using FunctionModel model = new(x => (x.select(1, 0) * x.select(1, 2) + 0 * x.select(1, 1)).unsqueeze(1));
        using Features features = Features.Each(4);
        using Samples samples = Cases.Row(features, 2, 5, 2, 0);
        Assert.That(Cases.Explain(Explainer(model, new()), samples), Is.EqualTo(new float[] { 2, 0, 2, 0 }).Within(1e-5));
    }

    private static PermutationShapleyExplainer Explainer(FunctionModel model, PermutationShapleyOptions options) => new(new(model), options with { Output = ModelOutput.Score });
}
