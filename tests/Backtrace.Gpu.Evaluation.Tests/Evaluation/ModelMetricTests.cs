using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Evaluation;

/// <summary>Metrics on trained models: Backtrace orders features better than chance.</summary>
public sealed class ModelMetricTests
{
    [Test]
    public void PicturesAreFlippedInBetterOrderByBacktraceThanByChance()
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", "resnet20"));
        ExplainedModel model = new(package.Module);
        ImagePreprocessing preprocessing = (ImagePreprocessing)package.Description.Preprocessing;
        using ImageInput a = preprocessing.Read(Assets.Path("cifar10", "cifar10_00_3.png")), b = preprocessing.Read(Assets.Path("cifar10", "cifar10_03_0.png"));
        using Tensor input = cat([a.Values, b.Values]);
        using Features pixels = Features.Pixels(3, 32, 32);
        using Samples samples = new(input.alias(), tensor(new long[] { 3, 0 }), nn.functional.avg_pool2d(input, 9, 1, 4), pixels);
        using BacktraceExplainer backtrace = new(model);
        CurveOptions steps = new() { Steps = 10 };
        double delta = Delta(model, samples, backtrace, steps).Average(), byChance = Delta(model, samples, StubExplainer.Random(), steps).Average();
        using Tensor probabilities = model.Probabilities(input);
        using Tensor explained = backtrace.Explain(samples);
        PerturbationCurve curve = PerturbationCurve.Measure(new(model, samples, explained, backtrace), steps);
        Assert.Multiple(() =>
        {
            Assert.That(delta, Is.GreaterThan(byChance + 0.1));
            Assert.That(curve.Areas(isNormalised: false), Is.All.InRange(0, 1));
            Assert.That(curve.Whole[0], Is.EqualTo(probabilities[0, 3].item<float>()).Within(1e-5));
            Assert.That(curve.Values[1], Has.Length.EqualTo(11).And.All.InRange(0, 1));
        });
    }

    [Test]
    public void TokensAreRemovedInBetterOrderByBacktraceThanByChance()
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", "bert-tiny-sst2"));
        ExplainedModel model = new(package.Module, "bert.embeddings.word_embeddings");
        string[] texts = ["a gorgeous , witty , seductive movie .", "the film is a dull and tedious mess .", "a charming and often affecting journey .", "this is a truly bad and boring movie ."];
        using BacktraceExplainer backtrace = new(model);
        List<double> backtraced = [], random = [];
        foreach (string text in texts)
        {
            using TextInput encoded = package.Tokenizer!.Encode([text]);
            long length = encoded.Ids.shape[1];
            using Tensor groups = cat([tensor(new long[] { -1 }), arange(length - 2, int64), tensor(new long[] { -1 })]);
            using Features tokens = new(groups);
            using Tensor scores = model.ScoresInBatches(encoded.Ids);
            using Samples samples = new(encoded.Ids.alias(), scores.argmax(1), tensor(new long[] { 100 }).view(1, 1), tokens);
            backtraced.AddRange(Delta(model, samples, backtrace, new()));
            for (int seed = 0; seed < 3; seed++)
                random.AddRange(Delta(model, samples, StubExplainer.Random(seed), new()));
        }

        Assert.That(backtraced.Average(), Is.GreaterThan(random.Average() + 0.05));
        Assert.That(backtraced.Concat(random), Has.None.NaN);
    }

    [Test]
    public void BacktraceForgetsARandomisedModelAndTheModelDoesNotChange()
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", "bert-tiny-sst2"));
        ExplainedModel model = new(package.Module, "bert.embeddings.word_embeddings");
        using TextInput encoded = package.Tokenizer!.Encode(["a gorgeous , witty , seductive movie ."]);
        using Features tokens = Features.Each(encoded.Ids.shape[1]);
        using Samples samples = new(encoded.Ids.alias(), tensor(new long[] { 1 }), tensor(new long[] { 100 }).view(1, 1), tokens);
        using BacktraceExplainer backtrace = new(model);
        using Tensor before = backtrace.Explain(samples);
        using (RandomisedParameters parameters = new(model, null, 0))
        {
            Assert.That(parameters.Layers[0], Does.StartWith("bert.embeddings."));
            Assert.That(parameters.Layers[^1], Is.EqualTo("classifier"), "the head is above the trunk");
        }

        string[] some = ["classifier", "bert.encoder.layer.0.attention.self.value", "bert.embeddings.word_embeddings"];
        RandomisationCurve curve = new Mprt { Randomisation = new() { Layers = [some[1], some[0], some[2]] } }.Curves(new(model, samples, before, backtrace));
        using Tensor after = backtrace.Explain(samples);
        Assert.Multiple(() =>
        {
            Assert.That(curve.Layers, Is.EqualTo(some), "from the top down, not as they were named");
            Assert.That(curve.Values[0][^1], Is.LessThan(0.9), "weights that change in place are seen");
            Assert.That(after.data<float>().ToArray(), Is.EqualTo(before.data<float>().ToArray()), "and so is what they were");
        });
    }

    private static IReadOnlyList<double> Delta(ExplainedModel model, Samples samples, IExplainer explainer, CurveOptions options)
    {
        using Tensor attributions = explainer.Explain(samples);
        return new DeltaAuc { Curve = options }.Measure(new(model, samples, attributions, explainer));
    }
}
