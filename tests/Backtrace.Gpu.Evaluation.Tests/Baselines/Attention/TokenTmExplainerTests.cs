using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines;

public sealed class TokenTmExplainerTests
{
    // Two tokens that keep their directions but for a sign: cosines 1 and -1, lengths doubled and halved.
    [Test]
    public void TransformationsByHand()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor before = tensor(new float[] { 1, 0, 0, 2 }).view(1, 2, 2), after = tensor(new float[] { 2, 0, 0, -1 }).view(1, 2, 2);
        float[] both = [.. TokenTmExplainer.Transformation(before, after, ones(1, 2)).data<float>()];
        float[] first = [.. TokenTmExplainer.Transformation(before, after, tensor(new float[] { 1, 0 }).view(1, 2)).data<float>()];
        double mean = Math.Cosh(1);
        Assert.Multiple(() =>
        {
            Assert.That(both[0], Is.EqualTo(2 * Math.E / mean).Within(1e-5));
            Assert.That(both[1], Is.EqualTo(0.5 / Math.E / mean).Within(1e-5));
            Assert.That(first[0], Is.EqualTo(2).Within(1e-5), "padding is not in the mean");
        });
    }

    // With transformations known, the map follows from that of attention times gradient.
    [Test]
    public void OneLayerByHand()
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new Generator().manual_seed(7);
        SmallTransformer module = new(layers: 1);
        using (no_grad())
        {
            module.Part(2).weight!.copy_(2 * eye(6));
            module.Part(3).weight!.copy_(eye(6));
            foreach (int k in new[] { 2, 3, 4, 5 })
                module.Part(k).bias!.zero_();
        }

        Tensor x = randn([1, 3, 6], generator: generator);
        float[] chefer = Explaining.Explain(new AttentionGradientExplainer(new ExplainedModel(module)), x), actual = Explaining.Explain(new TokenTmExplainer(new ExplainedModel(module)), x);
        float[] lengths = [.. x.pow(2).sum(-1).sqrt().data<float>()];
        Tensor mixed = nn.functional.scaled_dot_product_attention(module.Split(module.Part(0).call(x)), module.Split(module.Part(1).call(x)), module.Split(2 * x));
        Tensor middle = x + mixed.transpose(1, 2).flatten(2), added = module.Part(5).call(module.Part(4).call(middle).tanh());
        float forward = TokenTmExplainer.Transformation(middle, added, ones(1, 3))[0, 0].item<float>();
        float[] expected = new float[18], unweighted = new float[18];
        for (int i = 0; i < 18; i++)
        {
            float itself = i < 6 ? 1f / 6 : 0, attention = 2 * (chefer[i] - itself);
            expected[i] = lengths[i / 6] * (itself + attention) * (1 + forward);
            unweighted[i] = lengths[i / 6] * (itself + attention);
        }

        Assert.Multiple(() =>
        {
            Assert.That(Deviation.Of(actual, expected), Is.LessThan(1e-4));
            Assert.That(Deviation.Of(unweighted, expected), Is.GreaterThan(0.01), "feed-forward blocks count");
            Assert.That(Deviation.Of(chefer, expected), Is.GreaterThan(0.01), "lengths count");
        });
    }

    [Test]
    public void PublishedModelsAreExplained()
    {
        using ModelPackage bert = ModelPackage.Load(Assets.Path("models", "bert-tiny-sst2")), llama = ModelPackage.Load(Assets.Path("models", "stories260k"));
        using Tensor ids = tensor(new long[] { 101, 2023, 2003, 102 }).view(1, 4), text = tensor(new long[] { 1, 403, 407, 261, 378 }).view(1, 5);
        float[] classified = Explaining.Explain(new TokenTmExplainer(new ExplainedModel(bert.Module, "bert.embeddings.word_embeddings")), ids, 1);
        float[] next = Explaining.Explain(
            new TokenTmExplainer(new ExplainedModel(llama.Module, "model.embed_tokens", y => y.select(1, -1)), new AttentionOptions { Position = -1 }), text, 10);
        Assert.Multiple(() =>
        {
            Assert.That(classified, Has.All.GreaterThanOrEqualTo(0f));
            Assert.That(classified[1..], Has.Some.GreaterThan(0f));
            Assert.That(next, Has.All.GreaterThanOrEqualTo(0f));
            Assert.That(float.IsFinite(next.Sum()));
        });
    }

    [Test]
    public void AttentionWithoutAResidualBlockIsRefused()
    {
        using FixedAttention module = new([0.0, 0.0]);
        using Tensor x = ones(1, 2, 1).requires_grad_(true);
        Assert.That(() => Explaining.Explain(new TokenTmExplainer(new ExplainedModel(module)), x), Throws.TypeOf<ExplainerException>().With.Message.Contains("residual stream"));
    }
}
