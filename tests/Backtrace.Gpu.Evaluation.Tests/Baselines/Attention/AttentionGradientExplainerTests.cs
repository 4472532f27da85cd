using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines;

public sealed class AttentionGradientExplainerTests
{
    [TestCase(Written.Fused)]
    [TestCase(Written.Out)]
    [TestCase(Written.OutWithOneBatchAxis)]
    public void OneLayerAgreesWithFiniteDifferencesOfItsWeights(Written written)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new Generator().manual_seed(6);
        Tensor x = randn([1, 4, 6], generator: generator);
        SmallTransformer module = new(layers: 1, written: written);
        float[] actual = Explaining.Explain(new AttentionGradientExplainer(new ExplainedModel(module)), x, target: 1);

        using var quiet = no_grad();
        module.to(float64);
        x = x.to(float64);
        Tensor q = module.Split(module.Part(0).call(x)), k = module.Split(module.Part(1).call(x)), v = module.Split(module.Part(2).call(x));
        Tensor weights = (q.matmul(k.transpose(-2, -1)) / Math.Sqrt(3)).softmax(-1);
        Tensor gradient = zeros_like(weights);
        const double Step = 1e-5;
        for (long h = 0; h < 2; h++)
        {
            for (long t = 0; t < 4; t++)
            {
                for (long s = 0; s < 4; s++)
                    gradient[0, h, t, s] = tensor((Score(h, t, s, Step) - Score(h, t, s, -Step)) / (2 * Step), float64);
            }
        }

        float[] expected = Row((gradient * weights).relu()), signed = Row(gradient * weights);
        Assert.Multiple(() =>
        {
            Assert.That(Deviation.Of(actual, expected), Is.LessThan(1e-4));
            Assert.That(Deviation.Of(signed, expected), Is.GreaterThan(0.01), "negative parts are cut off");
        });

        double Score(long h, long t, long s, double step)
        {
            Tensor changed = weights.clone();
            changed[0, h, t, s] += step;
            return SmallTransformer.Scores(module.AfterAttention(x, changed.matmul(v)))[0, 1].item<double>();
        }

        // Parted evenly among the six numbers of each token.
        float[] Row(Tensor perHead) =>
            ((perHead.mean([1]) + eye(4, dtype: float64)).select(1, 0) / 6).unsqueeze(-1).expand(1, 4, 6).to(float32).contiguous().data<float>().ToArray();
    }

    [Test]
    public void PublishedModelsAreExplainedAndTheClassMatters()
    {
        using ModelPackage bert = ModelPackage.Load(Assets.Path("models", "bert-tiny-sst2")), llama = ModelPackage.Load(Assets.Path("models", "stories260k"));
        using Tensor ids = tensor(new long[] { 101, 2023, 2003, 102, 101, 2053, 2003, 102 }).view(2, 4), text = tensor(new long[] { 1, 403, 407, 261, 378 }).view(1, 5);
        ExplainedModel classifier = new(bert.Module, "bert.embeddings.word_embeddings");
        float[] negative = Explaining.Explain(new AttentionGradientExplainer(classifier), ids, 0), positive = Explaining.Explain(new AttentionGradientExplainer(classifier), ids, 1);
        using Tensor second = ids.narrow(0, 1, 1);
        float[] alone = Explaining.Explain(new AttentionGradientExplainer(classifier), second, 1);
        ExplainedModel language = new(llama.Module, "model.embed_tokens", y => y.select(1, -1));
        float[] next = Explaining.Explain(new AttentionGradientExplainer(language, new AttentionOptions { Position = -1 }), text, 10);
        Assert.Multiple(() =>
        {
            Assert.That(negative, Has.All.GreaterThanOrEqualTo(0f));
            Assert.That(Deviation.Of(positive, negative), Is.GreaterThan(0.001));
            Assert.That(Deviation.Of(alone, positive.AsSpan(4)), Is.LessThan(1e-4), "samples do not touch each other");
            Assert.That(next[..4].Max(), Is.GreaterThan(0f));
        });
    }
}
