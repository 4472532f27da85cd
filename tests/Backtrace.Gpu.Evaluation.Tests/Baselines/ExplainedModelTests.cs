using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
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

    [Test]
    public void AnUnknownModuleIsNamed()
    {
        using TorchSharp.Modules.Linear linear = nn.Linear(3, 2);
        Assert.That(() => new ExplainedModel(linear, "words"), Throws.TypeOf<ExplainerException>().With.Message.Contains("'words'"));
    }
}
