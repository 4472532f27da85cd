using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class FeatureAblationTests
{
    [TestCase(1)]
    [TestCase(3)]
    [TestCase(256)]
    public void LossesOfALinearModelAreWeightTimesChange(int batch)
    {
        using Features features = Features.Each(4);
        using Samples samples = new(tensor(new float[] { 1, 2, 3, 4 }).view(1, 4), zeros(1, int64), tensor(new float[] { 0, 1, 3, 8 }).view(1, 4), features);
        using FunctionModel model = FunctionModel.Linear(5, 6, 7, 8);
        float[] actual = Cases.Explain(new FeatureAblationExplainer(new(model), new() { MaximumBatch = batch }), samples);
        Assert.That(actual, Is.EqualTo(new float[] { 5, 6, 0, -32 }).Within(1e-4));
        Assert.That(model.Largest, Is.LessThanOrEqualTo(batch));
    }

    [Test]
    public void AFeatureIsTakenAwayAsAWhole()
    {
        using Features features = new(tensor(new long[] { 0, 0, -1, 1 }));
        using Samples samples = Cases.Row(features, 1, 1, 1, 1);
        using FunctionModel product = new(x => (x.select(1, 0) * x.select(1, 1) + 3 * x.select(1, 3)).unsqueeze(1));
        float[] grouped = Cases.Explain(new FeatureAblationExplainer(new(product)), samples);
        Assert.That(grouped, Is.EqualTo(new[] { 0.5f, 0.5f, 0, 3 }).Within(1e-6), "each entry alone would take away 1");
    }

    [Test]
    public void ProbabilitiesAreAnOption()
    {
        using Features features = Features.Each(1);
        using Samples samples = Cases.Row(features, 2);
        using FunctionModel model = FunctionModel.Linear(1);
        float[] score = Cases.Explain(new FeatureAblationExplainer(new(model)), samples);
        float[] probability = Cases.Explain(new FeatureAblationExplainer(new(model), new() { Output = ModelOutput.Probability }), samples);
        Assert.That(score[0], Is.EqualTo(2).Within(1e-6));
        Assert.That(probability[0], Is.EqualTo(1 / (1 + Math.Exp(-2)) - 0.5).Within(1e-6));
    }

    [Test]
    public void ClassesThatDoNotExistAreNamed()
    {
        using Features features = Features.Each(1);
        using Samples samples = Cases.Row(features, 2) with { Targets = tensor(new long[] { 3 }) };
        using FunctionModel model = FunctionModel.Linear(1);
        using FeatureAblationExplainer explainer = new(new(model));
        Assert.That(() => explainer.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("no class 3"));
    }
}
