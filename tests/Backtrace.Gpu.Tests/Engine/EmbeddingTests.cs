using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static Backtrace.Gpu.Tests.Engine.Explaining;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Ids as explained input, and what models compute from ids besides looking them up.</summary>
public sealed class EmbeddingTests
{
    private const int Width = 4;
    private static readonly long[,] Sentences = { { 3, 1, 4, 0, 0 }, { 5, 2, 6, 5, 1 } };

    private DisposeScope scope = null!;
    private Tensor ids = null!;
    private TorchSharp.Modules.Embedding words = null!;
    private TorchSharp.Modules.Embedding positions = null!;

    [SetUp]
    public void CreateTables()
    {
        scope = NewDisposeScope();
        torch.manual_seed(5);
        ids = tensor(Sentences);
        words = nn.Embedding(8, Width, padding_idx: 0);
        positions = nn.Embedding(8, Width);
    }

    [TearDown]
    public void DisposeTables() => scope.Dispose();

    [Test]
    public void An_id_gets_the_sum_over_its_row()
    {
        float[] start = [.. Enumerable.Range(0, 2 * 5 * Width).Select(k => k * 0.25f)];
        using Explanation e = Explain(words.call, ids, Target.Custom(start));
        Assert.That(e.Input.shape, Is.EqualTo(new long[] { 2, 5 }));
        AssertSame(e.Input.Floats(), [.. start.Chunk(Width).Select(row => row.Sum())]);
    }

    [Test]
    public void Streams_are_summed_apart()
    {
        using Backtracer backtracer = new(words, options: new BacktracerOptions { Mode = Mode.Contrastive });
        using Explanation e = backtracer.Explain(ids, Target.Custom([.. Enumerable.Repeat(1f, 40)]));
        AssertSame(e.Positive.Input.Floats(), [.. Enumerable.Repeat((float)Width, 10)]);
        Assert.That(e.Negative.Input.Floats(), Has.All.Zero);
    }

    [Test]
    public void Positions_by_constant_ids_are_constants()
    {
        using Explanation e = Explain(x => words.call(x) + positions.call(arange(5)), ids, Target.Custom(Ones()));
        using Tensor word = words.call(ids), position = positions.call(arange(5)).expand(2, 5, Width);
        using Tensor share = word.abs() / (word.abs() + position.abs());
        AssertSame(e.Input, share.sum(-1), 1e-5);
        Assert.That(e.Ledger.Constants[0], Is.EqualTo(40 - share.sum().ToSingle()).Within(1e-4));
    }

    [Test]
    public void Positions_by_explained_ids_are_reported_there()
    {
        using Backtracer backtracer = new(null, x => [words.call(x[0]) + positions.call(x[1])]);
        using Explanation e = backtracer.Explain([ids, arange(5).expand(2, 5).contiguous()], Target.Custom(Ones()));
        Assert.That(e.Ledger.Constants[0], Is.Zero);
        AssertSame((e.Inputs[0] + e.Inputs[1]).Floats(), [.. Enumerable.Repeat((float)Width, 10)], 1e-5);
    }

    [Test]
    public void Positions_counted_from_the_mask_are_constants()
    {
        // Positions as RoBERTa numbers them: only words count.
        using Explanation e = Explain(
            x =>
            {
                Tensor mask = x.ne(0).to(int64);
                return words.call(x) + positions.call(mask.cumsum(1) * mask);
            },
            ids,
            Target.Custom(Ones()));
        Assert.That(e.Ledger.Constants[0], Is.GreaterThan(1));
        AssertConserved(e);
    }

    [Test]
    public void Means_over_words_leave_padding_without_relevance()
    {
        using Explanation e = Explain(
            x =>
            {
                Tensor mask = x.ne(0).to(float32).unsqueeze(-1);
                return (words.call(x) * mask).sum(1) / mask.sum(1);
            },
            ids,
            Target.Custom([.. Enumerable.Repeat(1f, 2 * Width)]));
        Assert.That(e.Input.Floats()[3..5], Has.All.Zero);
        Assert.That(e.Input.Floats()[..3].Sum(), Is.EqualTo(Width).Within(1e-5));
    }

    [Test]
    public void Ids_moved_into_a_shared_table_stay_ids()
    {
        // Several columns, one table: each has its own range of rows.
        using Explanation e = Explain(x => words.call(x + tensor(new long[] { 0, 1, 1, 0, 0 })), ids, Target.Custom(Ones()));
        AssertSame(e.Input.Floats(), [.. Enumerable.Repeat((float)Width, 10)]);
    }

    [Test]
    public void Lengths_from_summed_masks_do_not_take_part()
    {
        using Explanation e = Explain(x => words.call(x).sum(1) / x.ne(0).to(int64).sum(1, keepdim: true), ids, Target.Custom([.. Enumerable.Repeat(1f, 2 * Width)]));
        Assert.That(e.Input.Floats().Sum(), Is.EqualTo(2 * Width).Within(1e-5));
    }

    [Test]
    public void A_cumulative_sum_of_words_is_shared_among_them()
    {
        using Explanation e = Explain(x => words.call(x).cumsum(1), ids, Target.Custom(Ones()));
        Assert.That(e.Input.Floats()[3..5], Has.All.Zero, "padding");
        Assert.That(e.Input.Floats()[..3], Has.All.GreaterThan(0));
        AssertConserved(e);
    }

    // A parameter that is looked up without a module is an embedding, too.
    [Test]
    public void A_table_without_a_module_is_an_embedding([Values(0, 1, 2, 3, 4)] int kind, [Values] Mode mode)
    {
        Tensor table = words.weight!;
        Func<Tensor, Tensor> forward = kind switch
        {
            0 => x => table[x],
            1 => x => table.index_select(0, x.flatten()).view(2, 5, Width),
            2 => x => table.t().index_select(1, x.flatten()).t().reshape(2, 5, Width),
            3 => x => table.gather(0, x.flatten().unsqueeze(1).expand(-1, Width)).view(2, 5, Width),
            _ => x => table.view(8, 2, 2)[x].flatten(2),
        };
        BacktracerOptions options = new() { Mode = mode };
        Target target = Seed(words.call(ids));
        using Explanation written = Explain(forward, ids, target, options), same = Explain(words.call, ids, target, options);
        AssertSame(written.Streams[0].Input, same.Streams[0].Input);
        AssertSame(written.Prediction, same.Prediction);
    }

    [Test]
    public void Ids_that_a_vector_maps_to_others_stay_ids()
    {
        Tensor others = tensor(new long[] { 7, 6, 5, 4, 3, 2, 1, 0 });
        using Explanation e = Explain(x => words.call(others[x]), ids, Target.Custom(Ones()));
        AssertSame(e.Input.Floats(), [.. Enumerable.Repeat((float)Width, 10)]);
    }

    [Test]
    public void One_hot_vectors_are_an_embedding([Values] Mode mode)
    {
        Tensor weight = positions.weight!;
        BacktracerOptions options = new() { Mode = mode };
        Target target = Seed(positions.call(ids));
        using Explanation written = Explain(x => nn.functional.one_hot(x, 8).to(float32).matmul(weight), ids, target, options), same = Explain(positions.call, ids, target, options);
        AssertSame(written.Streams[0].Input, same.Streams[0].Input);
        AssertSame(written.Prediction, same.Prediction);
    }

    [Test]
    public void Sums_of_one_hot_vectors_are_bags_of_words([Values] bool ofNumbers)
    {
        Tensor weight = randn(8, 3);
        using Explanation e = Explain(
            x => ofNumbers ? nn.functional.one_hot(x, 8).to(float32).sum(1).matmul(weight) : nn.functional.one_hot(x, 8).sum(1).to(float32).matmul(weight),
            ids,
            Target.Custom([1, 0, 0, 0, 1, 0]));
        using Tensor first = weight.select(1, 0).abs(), second = weight.select(1, 1).abs();
        float[] expected = [.. Shares(first, 0), .. Shares(second, 1)];
        AssertSame(e.Input.Floats(), expected, 1e-5);
        AssertConserved(e);

        float[] Shares(Tensor w, int row)
        {
            float[] words = [.. Enumerable.Range(0, 5).Select(k => w[Sentences[row, k]].item<float>())];
            return [.. words.Select(v => v / words.Sum())];
        }
    }

    [Test]
    public void Ids_made_of_two_others_are_refused()
    {
        using Backtracer backtracer = new(null, x => [positions.call(x[0] + x[1])]);
        Tensor first = tensor(new long[,] { { 1, 2 } }), second = tensor(new long[,] { { 3, 0 } });
        Assert.That(() => backtracer.Explain([first, second], Target.Argmax()), Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("an input of its own"));
    }

    private static float[] Ones() => [.. Enumerable.Repeat(1f, 2 * 5 * Width)];
}
