using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class ExactShapleyTests
{
    [Test]
    public void ValuesAreThoseOfTheDefinition() => Cases.ForRandom(12, random =>
    {
        int players = random.Next(1, 9);
        float[] x = Cases.Numbers(players, random), reference = Cases.Numbers(players, random);
        using FunctionModel network = Cases.Network(players, random.Next());
        using Features features = Features.Each(players);
        using Samples samples = Cases.Row(features, x);
        using Tensor background = tensor(reference).view(1, players);
        double[] Expected(float[] absent) => Cases.Shapley(i => network.call(i).softmax(1).select(1, 0), x, absent);
        float[] actual = Cases.Explain(new ExactShapleyExplainer(new(network), new() { Background = background, MaximumBatch = 50 }), samples);
        Assert.That(actual, Is.EqualTo(Expected(reference)).Within(1e-5));
        Assert.That(actual, Is.Not.EqualTo(Expected(new float[players])).Within(1e-5), "the reference matters");
    });

    // The glove game: two left gloves, one right; a pair is worth 1. Known values: 1/6, 1/6, 2/3.
    [Test]
    public void TheGloveGame()
    {
        using FunctionModel game = new(x => minimum(x.narrow(1, 0, 2).amax([1]), x.select(1, 2)).unsqueeze(1));
        using Features features = Features.Each(3);
        using Samples samples = Cases.Row(features, 1, 1, 1);
        float[] values = Cases.Explain(new ExactShapleyExplainer(new(game), new() { Output = ModelOutput.Score }), samples);
        Assert.That(values, Is.EqualTo(new[] { 1 / 6f, 1 / 6f, 2 / 3f }).Within(1e-6));
    }

    [Test]
    public void WhereNothingDiffersFromTheReferencesEveryValueIsZero()
    {
        using FunctionModel model = FunctionModel.Linear(1, 2);
        using Features features = Features.Each(2);
        using Samples samples = Cases.Row(features, 0, 0);
        foreach (IExplainer explainer in new IExplainer[] { new ExactShapleyExplainer(new(model)), new KernelShapExplainer(new(model)), new PermutationShapleyExplainer(new(model)) })
            Assert.That(Cases.Explain(explainer, samples), Is.All.Zero, explainer.Name);
    }

    [Test]
    public void TooManyFeaturesAreRefusedUnlessTheyDoNotVary()
    {
        using FunctionModel model = FunctionModel.Linear([.. Enumerable.Repeat(1f, 17)]);
        using Features features = Features.Each(17);
        using Samples all = Cases.Row(features, [.. Enumerable.Repeat(1f, 17)]), few = Cases.Row(features, [1, 2, .. new float[15]]);
        using ExactShapleyExplainer explainer = new(new(model), new() { Output = ModelOutput.Score });
        using Tensor values = explainer.Explain(few);
        Assert.That(() => explainer.Explain(all), Throws.TypeOf<ExplainerException>().With.Message.Contains("2^17"));
        Assert.That(values.data<float>().ToArray().Take(3), Is.EqualTo(new float[] { 1, 2, 0 }).Within(1e-6));
    }
}
