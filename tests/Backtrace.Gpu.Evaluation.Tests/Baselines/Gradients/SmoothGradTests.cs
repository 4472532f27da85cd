using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Gradients;

public sealed class SmoothGradTests
{
    [TestCase(SmoothGradKind.Plain, new float[] { 1, 2 })]
    [TestCase(SmoothGradKind.Squared, new float[] { 1, 4 })]
    [TestCase(SmoothGradKind.VarGrad, new float[] { 0, 0 })]
    public void OfALinearModelAllGradientsAreTheWeights(SmoothGradKind kind, float[] expected)
    {
        using var linear = Small.Linear(new float[,] { { 1, -2 } });
        using Samples samples = Small.Rows(new float[,] { { 5, 6 } });
        using SmoothGradExplainer explainer = new(new ExplainedModel(linear), new() { Kind = kind, Draws = 33 });
        Assert.That(Small.Explain(explainer, samples), Is.EqualTo(expected).Within(4e-6));
    }

    [Test]
    public void TheSignIsKeptWhereItIsAskedFor()
    {
        using var linear = Small.Linear(new float[,] { { 1, -2 } });
        using Samples samples = Small.Rows(new float[,] { { 5, 6 } });
        using SmoothGradExplainer signed = new(new ExplainedModel(linear), new() { Absolute = false, Draws = 33 });
        Assert.That(Small.Explain(signed, samples), Is.EqualTo(new float[] { 1, -2 }).Within(1e-6));
        Assert.That(signed.Name, Is.EqualTo("SmoothGrad signed (33)"));
    }

    // The gradient of x^2 is 2x: with noise of deviation s at x = 3 its mean is 6, its mean square 36 + 4 s^2, its variance 4 s^2.
    [TestCase(SmoothGradKind.Plain, 6)]
    [TestCase(SmoothGradKind.Squared, 37)]
    [TestCase(SmoothGradKind.VarGrad, 1)]
    public void OfASquareMomentsAreThoseOfTheNoise(SmoothGradKind kind, float expected)
    {
        using nn.Module<Tensor, Tensor> square = new Square();
        using Samples samples = Small.Rows(new float[,] { { 3 } });
        using SmoothGradExplainer explainer = new(new ExplainedModel(square), new() { Kind = kind, Draws = 20_000, Deviation = 0.5, Batch = 5_000 });
        Assert.That(Small.Explain(explainer, samples), Has.All.EqualTo(expected).Within(0.02 * expected));
    }

    [Test]
    public void NoiseIsAShareOfEachSamplesRange()
    {
        using nn.Module<Tensor, Tensor> square = new Square();
        using Samples samples = Small.Rows(new float[,] { { 0, 10 }, { 0, 1 } });
        using SmoothGradExplainer explainer = new(new ExplainedModel(square), new() { Kind = SmoothGradKind.VarGrad, Draws = 20_000, Noise = 0.1, Batch = 5_000 });
        float[] variances = Small.Explain(explainer, samples); // 4 (0.1 range)^2
        Assert.That(variances, Is.EqualTo(new[] { 4, 4, 0.04f, 0.04f }).Within(5).Percent);
    }

    [Test]
    public void WithoutNoiseItIsTheGradient()
    {
        using Mlp mlp = Small.Mlp(8, [4, 8, 2], Activation.Tanh);
        ExplainedModel model = new(mlp);
        using Samples samples = Small.Draw(8, 3, 4);
        using GradientExplainer gradient = new(model, new GradientOptions { Absolute = false });
        using SmoothGradExplainer still = new(model, new() { Noise = 0, Absolute = false }), noisy = new(model, new() { Absolute = false });
        float[] expected = Small.Explain(gradient, samples);
        Assert.Multiple(() =>
        {
            Assert.That(Deviation.Of(Small.Explain(still, samples), expected), Is.LessThan(1e-6));
            Assert.That(Deviation.Of(Small.Explain(noisy, samples), expected), Is.GreaterThan(1e-3));
        });
    }

    [Test]
    public void TheSameCallDrawsTheSameNoise()
    {
        using Mlp mlp = Small.Mlp(9, [4, 8, 2], Activation.Tanh);
        ExplainedModel model = new(mlp);
        using Samples samples = Small.Draw(9, 3, 4);
        using SmoothGradExplainer explainer = new(model), other = new(model, new() { Seed = 1 });
        float[] first = Small.Explain(explainer, samples);
        using (rand(3))
        {
        }

        Assert.Multiple(() =>
        {
            Assert.That(Small.Explain(explainer, samples), Is.EqualTo(first));
            Assert.That(Small.Explain(other, samples), Is.Not.EqualTo(first), "another seed");
        });
    }

    [Test]
    public void SamplesOfAnotherShapeInBetweenChangeNothing()
    {
        using nn.Module<Tensor, Tensor> square = new Square();
        ExplainedModel model = new(square);
        using Samples narrow = Small.Rows(new float[,] { { 0, 10 } }), wide = Small.Rows(new float[,] { { 0, 10, 3 } });
        using SmoothGradExplainer explainer = new(model), fresh = new(model);
        float[] first = Small.Explain(explainer, narrow);
        Assert.Multiple(() =>
        {
            Assert.That(Small.Explain(explainer, wide), Is.EqualTo(Small.Explain(fresh, wide)));
            Assert.That(Small.Explain(explainer, narrow), Is.EqualTo(first));
        });
    }

    [Test]
    public void ASampleIsExplainedAlikeInAnyCompany()
    {
        using Mlp mlp = Small.Mlp(9, [4, 8, 2], Activation.Tanh);
        ExplainedModel model = new(mlp);
        using Samples samples = Small.Draw(9, 3, 4), second = samples.One(1);
        using SmoothGradExplainer smooth = new(model), small = new(model, new() { Batch = 7 });
        using GradientShapExplainer shap = new(model);
        Assert.Multiple(() =>
        {
            Assert.That(Deviation.Of(Small.Explain(smooth, second), Small.Explain(smooth, samples).AsSpan(4, 4)), Is.LessThan(1e-5));
            Assert.That(Deviation.Of(Small.Explain(small, samples), Small.Explain(smooth, samples)), Is.LessThan(1e-5));
            Assert.That(Deviation.Of(Small.Explain(shap, second), Small.Explain(shap, samples).AsSpan(4, 4)), Is.LessThan(1e-5));
            Assert.That(Deviation.Of(Small.Explain(smooth, second), Small.Explain(smooth, samples).AsSpan(8, 4)), Is.GreaterThan(0.01), "another sample");
        });
    }

    [Test]
    public void OfTokensTheNoiseGoesOnTheirVectors()
    {
        using ModelPackage package = ModelPackage.Load(Small.Bert);
        ExplainedModel model = Small.Model(package);
        using Samples samples = Small.Sentences();
        using GradientExplainer norms = new(model);
        using GradientTimesInputExplainer times = new(model);
        using SmoothGradExplainer still = new(model, new() { Noise = 0, Draws = 3 }), noisy = new(model, new() { Draws = 10 });
        using SmoothGradExplainer product = new(model, new() { Noise = 0, Draws = 3, TimesInput = true });
        float[] expected = Small.Explain(norms, samples), smooth = Small.Explain(noisy, samples);
        Assert.Multiple(() =>
        {
            Assert.That(Deviation.Of(Small.Explain(still, samples), expected), Is.LessThan(1e-4));
            Assert.That(Deviation.Of(Small.Explain(product, samples), Small.Explain(times, samples)), Is.LessThan(1e-4));
            Assert.That(Deviation.Of(smooth, expected), Is.GreaterThan(1e-3));
            Assert.That(Small.Explain(noisy, samples), Is.EqualTo(smooth));
        });
    }

    [Test]
    public void ImpossibleOptionsAreRefused()
    {
        using var linear = Small.Linear(new float[,] { { 1 } });
        ExplainedModel model = new(linear);
        Assert.Multiple(() =>
        {
            Assert.That(() => new SmoothGradExplainer(model, new() { Draws = 0 }), Throws.InstanceOf<ArgumentException>());
            Assert.That(() => new SmoothGradExplainer(model, new() { Noise = -1 }), Throws.InstanceOf<ArgumentException>());
            Assert.That(() => new SmoothGradExplainer(model, new() { Deviation = -1 }), Throws.InstanceOf<ArgumentException>());
            Assert.That(() => new SmoothGradExplainer(model, new() { TimesInput = true, Kind = SmoothGradKind.Squared }), Throws.ArgumentException);
        });
    }

    // The sum of the squares, as the score of one class.
    private sealed class Square() : nn.Module<Tensor, Tensor>("square")
    {
        public override Tensor forward(Tensor input) => input.square().sum(1, keepdim: true);
    }
}
