using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static Backtrace.Gpu.Tests.Engine.Explaining;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Bags of embeddings give what looking up and reducing gives.</summary>
public sealed class EmbeddingBagTests
{
    private const int Rows = 9;
    private const int Width = 5;
    private static readonly long[,] Sentences = { { 3, 1, 4, 1 }, { 5, 2, 6, 0 }, { 7, 8, 1, 2 } };

    private DisposeScope scope = null!;
    private Tensor ids = null!;
    private Tensor table = null!;

    [SetUp]
    public void CreateTable()
    {
        scope = NewDisposeScope();
        torch.manual_seed(11);
        ids = tensor(Sentences);
        table = randn(Rows, Width);
    }

    [TearDown]
    public void DisposeTable() => scope.Dispose();

    [Test]
    public void Agrees_with_lookup_and_reduction([Values] EmbeddingBagMode bagMode, [Values] Mode mode)
    {
        Tensor Reference(Tensor x) => bagMode switch
        {
            EmbeddingBagMode.Sum => Words().call(x).sum(1),
            EmbeddingBagMode.Mean => Words().call(x).mean([1L]),
            _ => Words().call(x).amax([1L]),
        };
        AssertAgree([ids], x => Bags(bagMode).call(x[0]), x => Reference(x[0]), mode);
    }

    [Test]
    public void Weights_share_with_ids([Values] Mode mode)
    {
        Tensor weights = randn(3, 4);
        AssertAgree(
            [ids, weights],
            x => Bags(EmbeddingBagMode.Sum).call(x[0], null!, x[1]),
            x => (Words().call(x[0]) * x[1].unsqueeze(-1)).sum(1),
            mode);
    }

    [Test]
    public void Constant_weights_take_nothing([Values] Mode mode)
    {
        Tensor weights = randn(3, 4);
        AssertAgree([ids], x => Bags(EmbeddingBagMode.Sum).call(x[0], null!, weights), x => (Words().call(x[0]) * weights.unsqueeze(-1)).sum(1), mode);
    }

    [Test]
    public void Bags_of_different_sizes_are_told_apart([Values] EmbeddingBagMode bagMode)
    {
        Tensor flat = tensor(new long[] { 3, 1, 4, 1, 5, 2 });
        long[] starts = [0, 1, 1, 4];
        float[] start = [.. Enumerable.Range(1, starts.Length * Width).Select(k => (float)k)];
        using Explanation e = Explain(x => Bags(bagMode).call(x, tensor(starts)), flat, Target.Custom(start));
        AssertConserved(e);
        Assert.That(e.Ledger.Dropped[0], Is.EqualTo(start[Width..(2 * Width)].Sum()).Within(1e-4), "the empty bag");
        for (int bag = 0; bag < starts.Length; bag++)
        {
            long end = bag + 1 < starts.Length ? starts[bag + 1] : 6;
            if (starts[bag] == end)
                continue;
            using Explanation alone = Explain(
                x => Bags(bagMode).call(x), flat[TensorIndex.Slice(starts[bag], end)].unsqueeze(0), Target.Custom(start[(bag * Width)..((bag + 1) * Width)]));
            AssertSame(e.Input[TensorIndex.Slice(starts[bag], end)], alone.Input.squeeze(0), 1e-6, $"bag {bag}");
        }
    }

    [Test]
    public void Padding_takes_no_part([Values] EmbeddingBagMode bagMode)
    {
        using TorchSharp.Modules.EmbeddingBag bags = nn.EmbeddingBag_from_pretrained(table, mode: bagMode, padding_index: 1);
        using Explanation e = Explain(x => bags.call(x), ids, Target.Custom([.. Enumerable.Repeat(1f, 3 * Width)]));
        Assert.That(e.Input.Floats().Where((_, k) => Sentences[k / 4, k % 4] == 1), Has.All.Zero);
        Assert.That(e.Input.Floats().Sum(), Is.EqualTo(3 * Width).Within(1e-4));
    }

    private static void AssertAgree(Tensor[] inputs, Func<IReadOnlyList<Tensor>, Tensor> bags, Func<IReadOnlyList<Tensor>, Tensor> reference, Mode mode)
    {
        BacktracerOptions options = new() { Mode = mode };
        Target target = Target.Custom(Start(2), Start(3));
        using Backtracer ofBags = new(null, x => [bags(x)], options: options), ofReference = new(null, x => [reference(x)], options: options);
        using Explanation actual = ofBags.Explain(inputs, target), expected = ofReference.Explain(inputs, target);
        foreach ((RelevanceStream a, RelevanceStream b) in actual.Streams.Zip(expected.Streams))
        {
            for (int k = 0; k < inputs.Length; k++)
                AssertSame(a.Inputs[k], b.Inputs[k], 1e-5, $"input {k}");
        }
    }

    private static float[] Start(int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, 3 * Width).Select(_ => random.NextSingle())];
    }

    private TorchSharp.Modules.EmbeddingBag Bags(EmbeddingBagMode mode) => nn.EmbeddingBag_from_pretrained(table, mode: mode);

    private TorchSharp.Modules.Embedding Words() => nn.Embedding_from_pretrained(table);
}
