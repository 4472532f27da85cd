using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines;

public sealed class AttentionCallTests
{
    // Of torch's operator only the result is known: the weights are right if their products with the identity as values are it.
    [TestCase(false, null)]
    [TestCase(true, null)]
    [TestCase(false, ScalarType.Bool)]
    [TestCase(false, ScalarType.Float32)]
    public void WeightsAreThoseOfTheFusedOperator(bool isCausal, ScalarType? masked)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new Generator().manual_seed(3);
        Tensor q = randn([2, 3, 4, 5], generator: generator), k = randn([2, 3, 4, 5], generator: generator), v = eye(4).expand(2, 3, 4, 4);
        Tensor noise = randn([2, 1, 4, 4], generator: generator);
        Tensor? mask = masked switch { null => null, ScalarType.Bool => noise.gt(0).logical_or(eye(4).gt(0)), _ => noise };
        Tensor expected = nn.functional.scaled_dot_product_attention(q, k, v, mask!, 0, isCausal);
        Tensor weights = AttentionCall.WeightsOf(q, k, mask, isCausal, scale: null);
        Tensor unmasked = AttentionCall.WeightsOf(q, k, null, false, scale: null), unscaled = AttentionCall.WeightsOf(q, k, mask, isCausal, scale: 1);
        Assert.Multiple(() =>
        {
            Assert.That(Gap(weights, expected), Is.LessThan(1e-5));
            Assert.That(Gap(unscaled, expected), Is.GreaterThan(0.01), "the scale matters");
            if (isCausal || masked is not null)
                Assert.That(Gap(unmasked, expected), Is.GreaterThan(0.01), "the mask matters");
        });
    }

    [Test]
    public void SharedKeysAreThoseOfNeighbouringQueryHeads()
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new Generator().manual_seed(4);
        Tensor q = randn([1, 4, 3, 2], generator: generator), k = randn([1, 2, 3, 2], generator: generator);
        Tensor expected = AttentionCall.WeightsOf(q, stack([k.select(1, 0), k.select(1, 0), k.select(1, 1), k.select(1, 1)], 1), null, false, null);
        Tensor turned = AttentionCall.WeightsOf(q, k.repeat(1, 2, 1, 1), null, false, null);
        Tensor actual = AttentionCall.WeightsOf(q, k, null, false, null);
        Assert.Multiple(() =>
        {
            Assert.That(Gap(actual, expected), Is.LessThan(1e-6));
            Assert.That(Gap(turned, expected), Is.GreaterThan(0.01), "which heads share matters");
        });
    }

    [Test]
    public void AQueryThatSeesNothingHasNoWeights()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weights = AttentionCall.WeightsOf(ones(1, 1, 2, 2), ones(1, 1, 2, 2), tensor(new[] { true, true, false, false }).view(2, 2), false, null);
        Assert.That(weights.data<float>().ToArray(), Is.EqualTo(new[] { 0.5f, 0.5f, 0, 0 }));
    }

    [Test]
    public void AxesThatAreNoSamplesAndHeadsAreRefused()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Multiple(() =>
        {
            Assert.That(AttentionCall.ByHeads(ones(5, 6), 1).shape, Is.EqualTo(new long[] { 1, 1, 5, 6 }));
            Assert.That(AttentionCall.ByHeads(ones(6, 5, 6), 2).shape, Is.EqualTo(new long[] { 2, 3, 5, 6 }));
            Assert.That(() => AttentionCall.ByHeads(ones(5, 6), 2), Throws.TypeOf<ExplainerException>().With.Message.Contains("[5, 6]").And.Message.Contains("2 samples"));
            Assert.That(() => AttentionCall.ByHeads(ones(3, 5, 6), 2), Throws.TypeOf<ExplainerException>());
            Assert.That(() => AttentionCall.ByHeads(ones(3, 1, 5, 6), 2), Throws.TypeOf<ExplainerException>());
            Assert.That(() => AttentionCall.ByHeads(ones([2, 1, 1, 5, 6]), 2), Throws.TypeOf<ExplainerException>());
        });
    }

    private static double Gap(Tensor actual, Tensor expected) => Deviation.Of(actual.contiguous().data<float>().ToArray(), expected.contiguous().data<float>().ToArray());
}
