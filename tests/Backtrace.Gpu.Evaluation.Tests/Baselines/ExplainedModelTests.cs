using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines;

public sealed class ExplainedModelTests
{
    private static readonly string Bert = Assets.Path("models", "bert-tiny-sst2"), Embedding = "bert.embeddings.word_embeddings";

    [Test]
    public void ScoresAtTheVectorsOfTokensAreTheScoresOfTheTokens()
    {
        using ModelPackage package = ModelPackage.Load(Bert);
        ExplainedModel model = new(package.Module, Embedding);
        using Tensor ids = tensor(new long[] { 101, 2023, 2003, 102, 101, 2053, 2003, 102 }).view(2, 4);
        using Tensor points = model.Points(ids), expected = model.ScoresInBatches(ids, batch: 1), actual = model.ScoresAt(points, ids);
        using Tensor swapped = model.ScoresAt(points.flip(0), ids);
        Assert.Multiple(() =>
        {
            Assert.That(points.shape, Is.EqualTo(new long[] { 2, 4, 128 }));
            Assert.That(Deviation.Of(actual.data<float>().ToArray(), expected.data<float>().ToArray()), Is.LessThan(1e-5));
            Assert.That(Deviation.Of(swapped.flip(0).contiguous().data<float>().ToArray(), expected.data<float>().ToArray()), Is.LessThan(1e-5), "the vectors decide");
        });
    }

    [Test]
    public void GradientsOfALinearModelAreItsWeights()
    {
        using TorchSharp.Modules.Linear linear = nn.Linear(3, 2);
        ExplainedModel model = new(linear);
        using Tensor x = randn(2, 3), classes = tensor(new long[] { 1, 0 }), gradients = model.Gradients(x, x, classes);
        using Tensor expected = linear.weight!.detach().flip(0);
        Assert.That(gradients.allclose(expected), Is.True);
    }

    [TestCase(2)]
    [TestCase(-1)]
    public void AClassThatIsNotThereIsNamed(long target)
    {
        using TorchSharp.Modules.Linear linear = nn.Linear(3, 2);
        ExplainedModel model = new(linear);
        using Tensor x = randn(2, 3), classes = tensor(new long[] { 1, target });
        Assert.That(() => model.Gradients(x, x, classes), Throws.TypeOf<ExplainerException>().With.Message.EqualTo($"There is no class {target}: the model has 2 scores."));
    }

    [Test]
    public void BacktraceStandsBehindTheInterface()
    {
        using ModelPackage package = ModelPackage.Load(Bert);
        ExplainedModel model = new(package.Module, Embedding);
        using Features features = Features.Each(4);
        using Samples samples = new(tensor(new long[] { 101, 2023, 2003, 102 }).view(1, 4), tensor(new long[] { 1 }), tensor(new long[] { 100 }).view(1, 1), features);
        using BacktraceExplainer explainer = new(model);
        using Tensor relevance = explainer.Explain(samples);
        Assert.Multiple(() =>
        {
            Assert.That(relevance.shape, Is.EqualTo(new long[] { 1, 4 }));
            Assert.That(relevance.sum().item<float>(), Is.InRange(0.01f, 1f));
        });
    }

    // What one thread puts in place of an embedding's result is not for another thread's call of the same network.
    [Test]
    public void VectorsOfOneThreadDoNotReachAnother()
    {
        using TorchSharp.Modules.Embedding words = nn.Embedding(5, 4);
        using ManualResetEventSlim inside = new(), leave = new();
        int waiting = Environment.CurrentManagedThreadId;
        using TorchSharp.Modules.Linear last = nn.Linear(4, 2);
        last.register_forward_pre_hook(_ =>
        {
            if (Environment.CurrentManagedThreadId == waiting)
                return;
            inside.Set();
            leave.Wait();
        });
        using TorchSharp.Modules.Sequential network = nn.Sequential(("words", words), ("last", last), ("flat", nn.Flatten()));
        ExplainedModel model = new(network, "words");
        using Tensor ids = tensor(new long[] { 1, 2 }).view(1, 2), other = tensor(new long[] { 3 }).view(1, 1);
        using Tensor expected = model.Scores(other), points = model.Points(ids);
        Task<Tensor> replaced = Task.Run(() => model.ScoresAt(points, ids));
        inside.Wait();
        using Tensor meanwhile = model.Scores(other);
        leave.Set();
        using Tensor scores = replaced.Result;
        Assert.Multiple(() =>
        {
            Assert.That(meanwhile.shape, Is.EqualTo(expected.shape));
            Assert.That(scores.shape, Is.EqualTo(new long[] { 1, 4 }));
        });
    }

    [Test]
    public void ALanguageModelMayBeAskedForItsLastLogitsOnly()
    {
        const string words = "model.embed_tokens";
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", "stories260k"));
        LanguageModel network = (LanguageModel)package.Module;
        long answered = 0;
        ExplainedModel whole = new(network, words, y => y.select(1, -1)), last = new(network, ids =>
        {
            using Tensor logits = network.LastLogits(ids, 1);
            answered += logits.shape[1];
            return logits.select(1, 0);
        }, words);
        using Features features = Features.Each(6);
        using Samples samples = new(tensor(new long[] { 1, 403, 407, 261, 378, 432 }).view(1, 6), tensor(new long[] { 400 }), tensor(new long[] { 0 }).view(1, 1), features);
        using GradientExplainer byWhole = new(whole), byLast = new(last);
        using BacktraceExplainer relevanceOfWhole = new(whole), relevanceOfLast = new(last);
        foreach ((IExplainer expected, IExplainer actual) in new (IExplainer, IExplainer)[] { (byWhole, byLast), (relevanceOfWhole, relevanceOfLast) })
        {
            using Tensor a = expected.Explain(samples), b = actual.Explain(samples);
            Assert.That(Deviation.Of(b.data<float>().ToArray(), a.data<float>().ToArray()), Is.LessThan(1e-4), actual.GetType().Name);
        }

        Assert.That(answered, Is.EqualTo(2));
    }

    [Test]
    public void WhatIsSubtractedOfAnExplanationIsInItsName()
    {
        using TorchSharp.Modules.Sequential network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2));
        ExplainedModel model = new(network);
        using Features features = Features.Each(3);
        using Samples samples = new(randn(2, 3), tensor(new long[] { 1, 0 }), zeros(1, 3), features);
        BacktracerOptions contrastive = new() { Mode = Mode.Contrastive };
        using BacktraceExplainer supporting = new(model, contrastive), difference = new(model, contrastive, Reading.Difference);
        using Backtracer backtracer = new(network, options: contrastive);
        using Explanation expected = backtracer.Explain(samples.Input, Target.Class(1, 0));
        using Tensor first = supporting.Explain(samples), second = difference.Explain(samples), less = expected.Streams[0].Input - expected.Streams[1].Input;
        Assert.Multiple(() =>
        {
            Assert.That(first.equal(expected.Streams[0].Input).all().item<bool>(), Is.True);
            Assert.That(second.equal(less).all().item<bool>(), Is.True);
            Assert.That(supporting.Name, Is.EqualTo("Backtrace (contrastive)"));
            Assert.That(difference.Name, Is.EqualTo("Backtrace (contrastive difference)"));
            Assert.That(() => new BacktraceExplainer(model, reading: Reading.Difference), Throws.ArgumentException.With.Message.Contains("Mode.Contrastive"));
        });
    }

    [Test]
    public void ScoresOfAnotherShapeAreRefused()
    {
        using TorchSharp.Modules.Sequential network = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0));
        using Tensor x = randn(2, 3);
        Assert.That(() => new ExplainedModel(network).Probabilities(x), Throws.TypeOf<ExplainerException>().With.Message.Contains("[2]").And.Message.Contains("head"));
        using Tensor mended = new ExplainedModel(network, head: y => y.unsqueeze(1)).Probabilities(x);
        Assert.That(mended.shape, Is.EqualTo(new long[] { 2, 1 }));
        Assert.That(() => new ExplainedModel(network, head: y => y.unsqueeze(1)).Probabilities(x, batch: 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new ExplainedModel(null!), Throws.ArgumentNullException);
    }

    [Test]
    public void SamplesWhosePartsDoNotFitAreRefused()
    {
        using Features features = Features.Each(3), others = Features.Each(4);
        using Tensor x = randn(2, 3), classes = zeros(2, int64), absent = zeros(1, 3);
        Assert.Multiple(() =>
        {
            Assert.That(() => new Samples(x, zeros(3, int64), absent, features), Throws.ArgumentException.With.Message.Contains("[3] Int64").And.Message.Contains("[2] Int64"));
            Assert.That(() => new Samples(x, zeros(2, int32), absent, features), Throws.ArgumentException.With.Message.Contains("Int32"));
            Assert.That(() => new Samples(x, classes, zeros(1, 4), features), Throws.ArgumentException.With.Message.Contains("absent"));
            Assert.That(() => new Samples(x, classes, zeros(1, 3, float64), features), Throws.ArgumentException.With.Message.Contains("Float64"));
            Assert.That(() => new Samples(x, classes, absent, others), Throws.ArgumentException.With.Message.Contains("[4]"));
            Assert.That(() => new Samples(tensor(1f), classes, absent, features), Throws.ArgumentException.With.Message.Contains("batch axis"));
            Assert.That(() => new Samples(x, zeros(2, 1, dtype: int64), absent, features), Throws.ArgumentException.With.Message.Contains("[2, 1] Int64"));
            Assert.That(() => new Samples(x, classes, zeros(3), features), Throws.ArgumentException.With.Message.Contains("[3] Float32"));
            Assert.That(() => new Samples(x, classes, absent, null!), Throws.ArgumentNullException);
        });
    }

    [Test]
    public void AnUnknownModuleIsNamed()
    {
        using TorchSharp.Modules.Linear linear = nn.Linear(3, 2);
        Assert.That(() => new ExplainedModel(linear, "words"), Throws.TypeOf<ExplainerException>().With.Message.Contains("'words'"));
    }

    [Test]
    public void AModuleOfAnotherKindIsNamed()
    {
        using TorchSharp.Modules.LSTM lstm = nn.LSTM(3, 2);
        using Gradients.Lambda network = new(x => lstm.call(x).Item1);
        network.register_module("lstm", lstm);
        Assert.Multiple(() =>
        {
            Assert.That(() => new ExplainedModel(network, "lstm"), Throws.TypeOf<ExplainerException>().With.Message.EqualTo("The module 'lstm' is a LSTM, not a module that makes one tensor of one."));
            Assert.That(() => new ExplainedModel(network).Find<TorchSharp.Modules.Linear>("lstm"), Throws.TypeOf<ExplainerException>().With.Message.EqualTo("The module 'lstm' is a LSTM, not a Linear."));
        });
    }
}
