using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines;

public sealed class LrpTests
{
    [Test]
    public void EpsilonIsGradientTimesInputOnAReluNetwork()
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", "mnist-mlp"));
        ExplainedModel model = new(package.Module);
        using Generator generator = new Generator().manual_seed(3);
        using Tensor x = rand(2, 784, generator: generator);
        using Features features = Features.Each(784);
        using Samples samples = new(x.clone(), tensor(new long[] { 3, 8 }), zeros(1, 784), features);
        using BacktraceExplainer epsilon = Lrp.Epsilon(model), unit = new(model, new BacktracerOptions { Rules = RuleSet.LrpEpsilon() });
        using Tensor relevance = epsilon.Explain(samples), gradients = model.Gradients(x, x, samples.Targets), expected = gradients * x, fromOne = unit.Explain(samples);
        Assert.Multiple(() =>
        {
            Assert.That(Deviation.Of(Floats(relevance), Floats(expected)), Is.LessThan(1e-3));
            Assert.That(Deviation.Of(Floats(fromOne), Floats(expected)), Is.GreaterThan(0.01), "relevance starts as the score, not as 1");
        });
    }

    [Test]
    public void AllExplainAPictureAndAText()
    {
        using ModelPackage photo = ModelPackage.Load(Assets.Path("models", "resnet20")), text = ModelPackage.Load(Assets.Path("models", "bert-tiny-sst2"));
        ExplainedModel pictures = new(photo.Module), texts = new(text.Module, "bert.embeddings.word_embeddings");
        using Generator generator = new Generator().manual_seed(4);
        using Features pixels = Features.Pixels(3, 32, 32), tokens = Features.Each(4);
        using Samples picture = new(randn(1, 3, 32, 32, generator: generator), tensor(new long[] { 5 }), zeros(1, 3, 32, 32), pixels);
        using Samples sentence = new(tensor(new long[] { 101, 2023, 2003, 102 }).view(1, 4), tensor(new long[] { 1 }), tensor(new long[] { 100 }).view(1, 1), tokens);
        BacktraceExplainer[] ofPictures = [Lrp.Epsilon(pictures), Lrp.EpsilonPlus(pictures), Lrp.Gamma(pictures), Lrp.AlphaBeta(pictures)];
        BacktraceExplainer[] ofTexts = [Lrp.AttnLrp(texts), Lrp.Epsilon(texts)];
        List<float[]> results = [];
        foreach ((BacktraceExplainer explainer, Samples samples) in ofPictures.Select(e => (e, picture)).Concat(ofTexts.Select(e => (e, sentence))))
        {
            using (explainer)
            {
                using Tensor relevance = explainer.Explain(samples);
                Assert.That(relevance.shape, Is.EqualTo(samples.Input.shape), explainer.Name);
                results.Add(Floats(relevance));
                Assert.That(results[^1], Has.None.NaN.And.Some.Not.Zero, explainer.Name);
            }
        }

        string[] names = [.. ofPictures.Concat(ofTexts).Select(e => e.Name)];
        Assert.That(names, Is.EqualTo(new[] { "LRP-ε", "LRP-ε+", "LRP-γ (0.25)", "LRP-α2β1", "AttnLRP", "LRP-ε" }));
        for (int k = 1; k < 4; k++)
            Assert.That(Deviation.Of(results[k], results[0]), Is.GreaterThan(0.01), names[k]);
        Assert.That(Deviation.Of(results[5], results[4]), Is.GreaterThan(0.001), "the softmax is decomposed");
    }

    private static float[] Floats(Tensor tensor) => [.. tensor.contiguous().data<float>()];
}
