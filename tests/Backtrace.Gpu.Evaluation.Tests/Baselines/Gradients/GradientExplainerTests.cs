using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Gradients;

public sealed class GradientExplainerTests
{
    private static readonly float[,] Weight = { { 1, -2 }, { 3, 4 } };

    // libtorch would end the process.
    [Test]
    public void InferenceModeIsRefused()
    {
        using var linear = Small.Linear(new float[,] { { 1, -2 } });
        using Samples samples = Small.Rows(new float[,] { { 3, 4 } });
        using Features features = samples.Features;
        ExplainedModel model = new(linear);
        using Tensor background = zeros(1, 2);
        IExplainer[] explainers =
        [
            new GradientExplainer(model), new GradientTimesInputExplainer(model), new IntegratedGradientsExplainer(model), new SmoothGradExplainer(model),
            new DeepLiftExplainer(model), new DeepShapExplainer(model, background), new GradientShapExplainer(model),
        ];
        foreach (IExplainer explainer in explainers)
        {
            using (inference_mode())
                Assert.That(() => explainer.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("inference_mode"), explainer.Name);
            using (no_grad())
                Small.Explain(explainer, samples);
            explainer.Dispose();
        }
    }

    [Test]
    public void OfALinearModelTheGradientIsTheWeights()
    {
        using var linear = Small.Linear(Weight);
        ExplainedModel model = new(linear);
        using Samples samples = Small.Rows(new float[,] { { 5, 6 }, { -7, 8 } });
        using GradientExplainer signed = new(model, new GradientOptions { Absolute = false }), absolute = new(model);
        using GradientTimesInputExplainer times = new(model);
        Assert.Multiple(() =>
        {
            Assert.That(Small.Explain(signed, samples), Is.EqualTo(new float[] { 1, -2, 1, -2 }));
            Assert.That(Small.Explain(absolute, samples), Is.EqualTo(new float[] { 1, 2, 1, 2 }));
            Assert.That(Small.Explain(times, samples), Is.EqualTo(new float[] { 5, -12, -7, -16 }));
        });
    }

    [Test]
    public void EachSampleIsExplainedForItsOwnClass()
    {
        using var linear = Small.Linear(Weight);
        using Samples samples = Small.Draw(1, 2, 2);
        using GradientExplainer explainer = new(new ExplainedModel(linear), new GradientOptions { Absolute = false });
        Assert.That(Small.Explain(explainer, samples), Is.EqualTo(new float[] { 1, -2, 3, 4 }));
    }

    [Test]
    public void TheBatchDoesNotMatter()
    {
        using Mlp mlp = Small.Mlp(3, [4, 8, 2], Activation.Tanh);
        ExplainedModel model = new(mlp);
        using Samples samples = Small.Draw(2, 5, 4);
        using GradientTimesInputExplainer whole = new(model), pairs = new(model, batch: 2);
        Assert.That(Deviation.Of(Small.Explain(pairs, samples), Small.Explain(whole, samples)), Is.LessThan(1e-6));
    }

    [Test]
    public void OfTokensTheGradientsOfTheirVectorsAreSummed()
    {
        using ModelPackage package = ModelPackage.Load(Small.Bert);
        ExplainedModel model = Small.Model(package);
        using Samples samples = Small.Sentences();
        using Tensor points = model.Points(samples.Input), gradients = model.Gradients(points, samples.Input, samples.Targets);
        using GradientExplainer norms = new(model);
        using GradientTimesInputExplainer times = new(model);
        float[] product = Small.Explain(times, samples);
        Assert.Multiple(() =>
        {
            Assert.That(Deviation.Of(Small.Explain(norms, samples), Small.Numbers(gradients.abs().sum(-1))), Is.LessThan(1e-6));
            Assert.That(Deviation.Of(product, Small.Numbers((gradients * points).sum(-1))), Is.LessThan(1e-6));
            Assert.That(Deviation.Of(product, Small.Numbers(gradients.sum(-1))), Is.GreaterThan(0.1), "the vectors count");
        });
    }

    [Test]
    public void TheInputStaysAsItWas()
    {
        using var linear = Small.Linear(Weight);
        using Samples samples = Small.Draw(4, 2, 2);
        float[] before = samples.Input.data<float>().ToArray();
        using GradientTimesInputExplainer explainer = new(new ExplainedModel(linear));
        Small.Explain(explainer, samples);
        Assert.That(samples.Input.data<float>().ToArray(), Is.EqualTo(before));
    }

    [Test]
    public void ABatchOfNothingIsRefused()
    {
        using var linear = Small.Linear(Weight);
        ExplainedModel model = new(linear);
        Assert.Multiple(() =>
        {
            Assert.That(() => new GradientExplainer(model, new GradientOptions { Batch = 0 }), Throws.InstanceOf<ArgumentException>());
            Assert.That(() => new GradientTimesInputExplainer(model, 0), Throws.InstanceOf<ArgumentException>());
        });
    }

    [Test]
    public void ACancelledCallStops()
    {
        using var linear = Small.Linear(Weight);
        using Samples samples = Small.Draw(1, 2, 2);
        using GradientExplainer explainer = new(new ExplainedModel(linear));
        Assert.That(() => explainer.Explain(samples, new CancellationToken(true)), Throws.InstanceOf<OperationCanceledException>());
    }
}
