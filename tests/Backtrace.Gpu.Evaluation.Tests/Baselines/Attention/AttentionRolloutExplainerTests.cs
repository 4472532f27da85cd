using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines;

public sealed class AttentionRolloutExplainerTests
{
    private static readonly double[] First = [Math.Log(3), 0], Second = [0, Math.Log(3)];

    // Layers of [[3/4, 1/4], [1/2, 1/2]] and the same with its rows swapped; with the identity [[7/8, 1/8], [1/4, 3/4]] and [[3/4, 1/4], [3/8, 5/8]].
    [TestCase(0, new[] { 0.71875f, 0.28125f })]
    [TestCase(-1, new[] { 0.484375f, 0.515625f })]
    public void TwoLayersByHand(int position, float[] expected)
    {
        using FixedAttention module = new(First, Second), reversed = new(Second, First);
        using Tensor x = ones(1, 2, 1);
        float[] actual = Explaining.Explain(new AttentionRolloutExplainer(new ExplainedModel(module), new AttentionOptions { Position = position }), x);
        float[] other = Explaining.Explain(new AttentionRolloutExplainer(new ExplainedModel(reversed), new AttentionOptions { Position = position }), x);
        Assert.Multiple(() =>
        {
            Assert.That(Deviation.Of(actual, expected), Is.LessThan(1e-6));
            Assert.That(Deviation.Of(other, expected), Is.GreaterThan(0.01), "the order of layers matters");
        });
    }

    [Test]
    public void HowAttentionIsWrittenDoesNotMatter()
    {
        using Tensor x = randn([2, 5, 6], generator: new Generator().manual_seed(5));
        using SmallTransformer fused = new(), written = new(written: Written.Out), flat = new(written: Written.OutWithOneBatchAxis), another = new(seed: 2);
        float[] expected = Rollout(fused), first = Rollout(written), second = Rollout(flat), third = Rollout(another);
        Assert.Multiple(() =>
        {
            Assert.That(Deviation.Of(first, expected), Is.LessThan(1e-5));
            Assert.That(Deviation.Of(second, expected), Is.LessThan(1e-5));
            Assert.That(Deviation.Of(third, expected), Is.GreaterThan(0.01), "the weights matter");
        });

        float[] Rollout(SmallTransformer module) => Explaining.Explain(new AttentionRolloutExplainer(new ExplainedModel(module)), x);
    }

    [Test]
    public void RowsOfPublishedModelsSumToOne()
    {
        using ModelPackage bert = ModelPackage.Load(Assets.Path("models", "bert-tiny-sst2")), llama = ModelPackage.Load(Assets.Path("models", "stories260k"));
        using Tensor ids = tensor(new long[] { 101, 2023, 2003, 102, 101, 2053, 2003, 102 }).view(2, 4), text = tensor(new long[] { 1, 403, 407, 261, 378 }).view(1, 5);
        float[] classified = Explaining.Explain(new AttentionRolloutExplainer(new ExplainedModel(bert.Module, "bert.embeddings.word_embeddings")), ids);
        ExplainedModel language = new(llama.Module, "model.embed_tokens", y => y.select(1, -1));
        float[] last = Explaining.Explain(new AttentionRolloutExplainer(language, new AttentionOptions { Position = -1 }), text);
        float[] first = Explaining.Explain(new AttentionRolloutExplainer(language), text);
        Assert.Multiple(() =>
        {
            Assert.That(classified[..4].Sum(), Is.EqualTo(1).Within(1e-5));
            Assert.That(classified[4..].Sum(), Is.EqualTo(1).Within(1e-5));
            Assert.That(last.Sum(), Is.EqualTo(1).Within(1e-5));
            Assert.That(last, Has.All.GreaterThan(0f));
            Assert.That(first, Is.EqualTo(new float[] { 1, 0, 0, 0, 0 }), "the first token sees itself only");
        });
    }

    [Test]
    public void ModelsWithoutAttentionAreRefused()
    {
        using TorchSharp.Modules.Linear linear = nn.Linear(3, 2);
        using Tensor x = ones(1, 3);
        Assert.That(
            () => Explaining.Explain(new AttentionRolloutExplainer(new ExplainedModel(linear)), x),
            Throws.TypeOf<ExplainerException>().With.Message.Contains("no attention operators were seen"));
    }

    [Test]
    public void AttentionBetweenTwoSequencesIsRefused()
    {
        using Gradients.Lambda crossed = new(x => nn.functional.scaled_dot_product_attention(x, x.narrow(1, 0, 2), x.narrow(1, 0, 2)).select(1, 0));
        using Tensor x = ones(1, 3, 2);
        Assert.That(
            () => Explaining.Explain(new AttentionRolloutExplainer(new ExplainedModel(crossed)), x),
            Throws.TypeOf<ExplainerException>().With.Message.Contains("an attention of 3 queries to 2 keys is not within one sequence"));
    }

    [Test]
    public void InputsInWhichTokensCannotBeToldAreRefused()
    {
        using Gradients.Lambda patches = new(x => Attend(x.flatten(2).transpose(1, 2))), classified = new(x => Attend(cat([zeros_like(x.narrow(1, 0, 1)), x], 1)));
        using Tensor picture = ones(1, 2, 2, 2), tokens = ones(1, 3, 2);
        Assert.Multiple(() =>
        {
            Assert.That(Of(patches, picture), Throws.TypeOf<ExplainerException>().With.Message.Contains("4 tokens").And.Message.Contains("[1, 2, 2, 2]"));
            Assert.That(Of(classified, tokens), Throws.TypeOf<ExplainerException>().With.Message.Contains("4 tokens").And.Message.Contains("[1, 3, 2]"));
        });

        static Tensor Attend(Tensor x) => nn.functional.scaled_dot_product_attention(x, x, x).select(1, 0);
        static Action Of(Gradients.Lambda network, Tensor x) => () => Explaining.Explain(new AttentionRolloutExplainer(new ExplainedModel(network)), x);
    }

    [Test]
    public void APositionThatIsNotThereIsRefused()
    {
        using FixedAttention module = new(First);
        using Tensor x = ones(1, 2, 1);
        Assert.That(
            () => Explaining.Explain(new AttentionRolloutExplainer(new ExplainedModel(module), new AttentionOptions { Position = 2 }), x),
            Throws.TypeOf<ExplainerException>().With.Message.Contains("position 2"));
    }
}
