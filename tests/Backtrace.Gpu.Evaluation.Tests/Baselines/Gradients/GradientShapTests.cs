using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Gradients;

public sealed class GradientShapTests
{
    [Test]
    public void OfALinearModelTheyAreTheDistanceFromTheMeanBackground()
    {
        using var linear = Small.Linear(new float[,] { { 2, -3 } }, [1]);
        ExplainedModel model = new(linear);
        using Samples samples = Small.Rows(new float[,] { { 5, 6 } });
        using Tensor background = tensor(new float[,] { { 0, 0 }, { 2, 0 }, { 4, 6 } }), one = background.narrow(0, 2, 1);
        using GradientShapExplainer many = new(model, background, new() { Draws = 20_000, Batch = 10_000 }), single = new(model, one), absent = new(model);
        Assert.Multiple(() =>
        {
            Assert.That(Small.Explain(many, samples), Is.EqualTo(new float[] { 2 * (5 - 2), -3 * (6 - 2) }).Within(0.15));
            Assert.That(Small.Explain(single, samples), Is.EqualTo(new float[] { 2 * (5 - 4), 0 }).Within(1e-5));
            Assert.That(Small.Explain(absent, samples), Is.EqualTo(new[] { 2 * 4.5f, -3 * 5.5f }).Within(1e-4));
        });
    }

    [Test]
    public void TheyAddUpInExpectation()
    {
        using Mlp mlp = Small.Mlp(30, [4, 6, 2], Activation.Tanh);
        ExplainedModel model = new(mlp);
        using Samples samples = Small.Draw(30, 2, 4);
        using Generator generator = new(5);
        using Tensor background = randn([6, 4], dtype: float32, generator: generator);
        using GradientShapExplainer many = new(model, background, new() { Draws = 20_000, Batch = 5_000 });
        using Tensor attributions = many.Explain(samples);
        using Tensor scores = model.ScoresInBatches(samples.Input), usual = model.ScoresInBatches(background).mean([0]);
        using Tensor expected = (scores - usual).gather(1, samples.Targets.unsqueeze(1)).squeeze(1);
        using GradientTimesInputExplainer gradient = new(model);
        using Tensor other = gradient.Explain(samples);
        Assert.Multiple(() =>
        {
            Assert.That(Small.Numbers(attributions.sum(1)), Is.EqualTo(Small.Numbers(expected.alias())).Within(0.1));
            Assert.That(Deviation.Of(Small.Numbers(other.sum(1)), Small.Numbers(expected.alias())), Is.GreaterThan(0.2), "gradient times input does not");
        });
    }

    [Test]
    public void TheSameCallDrawsTheSame()
    {
        using ModelPackage package = ModelPackage.Load(Small.Bert);
        ExplainedModel model = Small.Model(package);
        using Samples samples = Small.Sentences();
        using Tensor background = tensor(new long[,] { { 101, 100, 100, 102 }, { 101, 2009, 2003, 102 } });
        using GradientShapExplainer explainer = new(model, background, new() { Draws = 8 }), other = new(model, background, new() { Draws = 8, Seed = 1 });
        float[] first = Small.Explain(explainer, samples);
        Assert.Multiple(() =>
        {
            Assert.That(Small.Explain(explainer, samples), Is.EqualTo(first));
            Assert.That(Small.Explain(other, samples), Is.Not.EqualTo(first));
            Assert.That(first[0], Is.Zero, "[CLS] is the same in all of the background");
        });
    }

    [Test]
    public void ImpossibleOptionsAndBackgroundsAreRefused()
    {
        using var linear = Small.Linear(new float[,] { { 1, 2 } });
        ExplainedModel model = new(linear);
        using Samples samples = Small.Draw(1, 1, 2);
        using Tensor tokens = zeros([4, 2], int64);
        using GradientShapExplainer explainer = new(model, tokens);
        Assert.Multiple(() =>
        {
            Assert.That(() => new GradientShapExplainer(model, options: new() { Draws = 0 }), Throws.InstanceOf<ArgumentException>());
            Assert.That(() => explainer.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("Int64"));
        });
    }
}
