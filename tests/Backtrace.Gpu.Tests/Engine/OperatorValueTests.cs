using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Operators that are recorded as others, with relevance that was computed by hand.</summary>
public sealed class OperatorValueTests
{
    private sealed record Case(Func<Tensor, Tensor> Forward, long[] Shape, float[] X, float[] Start, float[] Expected, float Constants = 0);

    // Overloads that TorchSharp does not offer.
    private static readonly jit.CompilationUnit Script = jit.compile("def fill(x, number):\n    return (x * 2.0).fill_(number)\n");

    private static readonly Dictionary<string, Case> Cases = new()
    {
        ["glu"] = new(x => F.glu(x), [1, 4], [1, 2, 0, 5], [2, 4], [1, 2, 1, 2]),
        ["lerp"] = new(x => lerp(x.select(1, 0), x.select(1, 1), tensor(0.25f)), [1, 2, 1], [4, -4], [8], [6, 2]),
        ["cumsum"] = new(x => x.cumsum(1), [1, 3], [1, -3, 2], [1, 4, 6], [3, 6, 2]),
        ["cumsum along the first of two axes"] = new(x => x[0].cumsum(0).unsqueeze(0), [1, 2, 2], [1, 5, 3, -5], [1, 2, 4, 8], [2, 6, 3, 4]),
        ["maximum with ties"] = new(x => maximum(x.select(1, 0), x.select(1, 1)), [1, 2, 3], [1, 5, 2, 3, 4, 2], [1, 2, 4], [0, 2, 2, 1, 0, 2]),
        ["minimum with ties"] = new(x => minimum(x.select(1, 0), x.select(1, 1)), [1, 2, 3], [1, 5, 2, 3, 4, 2], [1, 2, 4], [1, 0, 2, 0, 2, 2]),
        ["maximum with a constant"] = new(x => maximum(x, full(2, 3f)), [1, 2], [1, 5], [2, 4], [0, 4], 2),
        ["triu"] = new(x => x.triu(), [1, 2, 2], [1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 0, 4], 3),
        ["index_add"] = new(x => zeros(1, 2).index_add(1, tensor(new[] { 0L, 1, 0 }), x, 2), [1, 3], [1, 2, -3], [4, 5], [1, 5, 3]),
        ["index_add onto a dynamic tensor"] = new(x => x.index_add(1, tensor(new[] { 1L }), x.narrow(1, 0, 1), 2), [1, 2], [1, 6], [4, 8], [6, 6]),
        ["scatter_add"] = new(x => zeros(2, 2).scatter_add(1, tensor(new[,] { { 0L, 0 }, { 1, 0 } }), x), [2, 2], [1, 3, 2, 2], [4, 0, 6, 8], [1, 3, 8, 6]),
        ["scatter_add in place"] = new(x => zeros(1, 2).scatter_add_(1, tensor(new[,] { { 0L, 0, 1 } }), x), [1, 3], [1, 3, 2], [4, 8], [1, 3, 8]),
        ["fold"] = new(x => F.fold(x, (1, 3), (1, 2)).flatten(1), [1, 2, 2], [1, 3, 1, 2], [1, 8, 2], [1, 6, 2, 2]),
        ["var"] = new(x => x.var(1), [1, 2], [1, 3], [4], [1.2f, 2.8f]),
        ["std"] = new(x => x.std(1), [1, 2], [1, 3], [4], [1.2f, 2.8f]),
        ["norm of order 2"] = new(x => linalg.vector_norm(x, 2, [1]), [1, 2], [-3, 4], [25], [9, 16]),
        ["norm of order 1"] = new(x => linalg.vector_norm(x, 1, [1]), [1, 2], [-1, 3], [4], [1, 3]),
        ["norm of order infinity"] = new(x => linalg.vector_norm(x, double.PositiveInfinity, [1]), [1, 2], [-5, 3], [4], [4, 0]),
        ["cosine similarity"] = new(x => F.cosine_similarity(x.select(1, 0), x.select(1, 1), 1), [1, 2, 2], [3, 4, 2, 6], [30], [3, 12, 3, 12]),
        ["prod"] = new(x => x.prod(1L), [1, 3], [2, -3, 0], [6], [2, 2, 2]),
        ["prod of all"] = new(x => x.prod().reshape(1, 1), [1, 2, 2], [2, -3, 1, 5], [8], [2, 2, 2, 2]),
        ["prod along the first of two axes"] = new(x => x[0].prod(0L).unsqueeze(0), [1, 2, 2], [2, -3, 1, 5], [8, 4], [4, 2, 4, 2]),
        ["logsumexp"] = new(x => x.logsumexp(1), [1, 2], [200, 200 + MathF.Log(3)], [8], [2, 6]),
        ["logsumexp along the first of two axes"] = new(x => x.view(2, 2).logsumexp(0).reshape(1, 2), [1, 4], [0, MathF.Log(2), MathF.Log(5), 0], [6, 3], [1, 2, 5, 1]),
        ["cumprod"] = new(x => x.cumprod(1), [1, 3], [2, -3, 0], [1, 4, 6], [1 + 2 + 2, 2 + 2, 2]),
        ["cumprod along the first of two axes"] = new(x => x[0].cumprod(0).unsqueeze(0), [1, 2, 2], [2, -3, 1, 5], [1, 2, 4, 8], [3, 6, 2, 4]),
        ["logcumsumexp"] = new(x => x.logcumsumexp(1), [1, 3], [0, MathF.Log(3), -300], [1, 8, 4], [1 + 2 + 1, 6 + 3, 0]),
        ["logcumsumexp along the first of two axes"] = new(x => x.view(2, 2).logcumsumexp(0).reshape(1, 4), [1, 4], [0, MathF.Log(2), MathF.Log(5), 0], [1, 2, 6, 3], [2, 4, 5, 1]),
        ["cross"] = new(x => linalg.cross(x.select(1, 0), x.select(1, 1)), [1, 2, 3], [1, 2, 3, 4, 5, 6], [27, 18, 13], [3 + 2.5f, 6 + 4, 7.5f + 6, 6 + 4, 7.5f + 2.5f, 6 + 3]),
        ["angle"] = new(x => x.select(1, 0).atan2(x.select(1, 1)), [1, 2, 2], [1, -2, 3, 4], [2, 6], [1, 3, 1, 3]),
        ["prelu whose slope depends on the input"] = new(x => F.prelu(x, x[0, 0].reshape(1)), [1, 2], [2, -3], [4, 8], [4 + 4, 4]),
        ["layer_norm whose weight depends on the input"] = new(x => F.layer_norm(x.select(1, 0), [2], x[0, 1]), [1, 2, 2], [1, 3, 5, 6], [4, 8], [2, 4, 2, 4]),
        ["group_norm whose bias depends on the input"] = new(
            x => F.group_norm(x[0, 0].view(1, 2, 2), 1, null, x[0, 1, ..2] * 1e9).view(1, 4), [1, 2, 4], [1, 3, 5, 6, 1, 1, 0, 0], [4, 8, 1, 2], [0, 0, 0, 0, 12, 3, 0, 0]),
        ["renorm"] = new(x => x.renorm(2, 0, 1), [1, 2], [3, 4], [1, 2], [1, 2]),
        ["distances of order 1"] = new(x => cdist(x[0].view(1, 2), tensor(new float[] { 0, 0, 2, 3 }).view(2, 2), 1), [1, 2], [1, -3], [4, 14], [1 + 2f / 3, 3 + 6], 4f / 3 + 6),
        ["distances of order 2"] = new(x => cdist(x.narrow(1, 0, 1), x.narrow(1, 1, 1)).flatten(1), [1, 2, 2], [3, 4, 3, 0], [8], [0, 8, 0, 0]),
        ["index_put_ that adds"] = new(x => (x.flatten() * 1).index_put_(x.flatten().narrow(0, 0, 2), [TensorIndex.Tensor(tensor(new[] { 2L, 2 }))], true).unsqueeze(0), [1, 3], [1, -2, 3], [1, 2, 12], [1 + 1, 2 + 2, 9]),
        ["bilinear"] = new(x => F.bilinear(x.select(1, 0), x.select(1, 1), tensor(new float[] { 1, 2, -3, 1 }).reshape(1, 2, 2)), [1, 2, 2], [1, 2, 1, 1], [22], [33f / 11, 88f / 11, 77f / 11, 44f / 11]),
        ["median of an axis"] = new(x => x.kthvalue(2, 1).values, [1, 3], [1, 5, 3], [2], [0, 0, 2]),
        ["max_unpool"] = new(
            x =>
            {
                (Tensor values, Tensor places) = F.max_pool2d_with_indices(x, [2, 2]);
                return F.max_unpool2d(values, places, [2, 2]).flatten(1);
            },
            [1, 1, 2, 2], [1, 3, 4, 2], [1, 2, 4, 8], [0, 0, 4, 0], 11),
        ["zero_"] = new(x => x + (x * 2).zero_(), [1, 2], [1, 2], [1, 2], [1, 2]),
        ["fill_"] = new(x => x + (x * 2).fill_(3), [1, 2], [1, 3], [4, 2], [1, 1], 4),
        ["fill_ with a dynamic number"] = new(x => (Tensor)Script.invoke("fill", x, x.select(1, 1).squeeze()), [1, 2], [1, 3], [4, 2], [0, 6]),
        ["softsign"] = new(x => F.softsign(x), [1, 2], [1, -2], [3, 4], [3, 4]),
        ["power of a constant"] = new(x => pow(2, x), [1, 2], [1, -2], [3, 4], [3, 4]),
        ["float_power"] = new(x => x.float_power(tensor(3f)), [1, 2], [1, -2], [3, 4], [3, 4]),
        ["float_power of a constant"] = new(x => tensor(2f).expand(1, 2).float_power(x), [1, 2], [1, -2], [3, 4], [3, 4]),
        ["sgn"] = new(x => x + x.sgn(), [1, 2], [1, -3], [4, 6], [2, 4.5f], 3.5f),
        ["nansum"] = new(x => x.log().nansum().reshape(1, 1), [1, 3], [-1, MathF.E, MathF.E * MathF.E * MathF.E], [8], [0, 2, 6]),
        ["aminmax"] = new(x => Both(x.aminmax(1)), [1, 3], [1, 5, 3], [2, 4], [2, 4, 0]),
        ["aminmax of all"] = new(x => Both(x.aminmax()).reshape(1, 2), [1, 2, 2], [1, 5, 1, 3], [2, 4], [1, 4, 1, 0]),
        ["aminmax whose minimum is not used"] = new(x => x.aminmax(1, true).max, [1, 3], [1, 5, 3], [4], [0, 4, 0]),
        ["std_mean"] = new(x => Both(x.std_mean(1)), [1, 2], [1, 3], [4, 8], [1.2f + 2, 2.8f + 6]),
        ["var_mean of all"] = new(x => Both(x.var_mean()).reshape(1, 2), [1, 2], [1, 3], [4, 8], [1.2f + 2, 2.8f + 6]),
        ["logaddexp"] = new(x => x.select(1, 0).logaddexp(x.select(1, 1)), [1, 2, 1], [200, 200 + MathF.Log(3)], [8], [2, 6]),
        ["logaddexp2"] = new(x => x.select(1, 0).logaddexp2(x.select(1, 1)), [1, 2, 1], [20, 20 + MathF.Log2(3)], [8], [2, 6]),
        ["hypot"] = new(x => x.select(1, 0).hypot(x.select(1, 1)), [1, 2, 1], [-3, 4], [25], [9, 16]),
        ["xlogy"] = new(x => x.select(1, 0).xlogy(x.select(1, 1)), [1, 2, 1], [3, 5], [8], [4, 4]),
        ["xlogy of itself"] = new(x => x.xlogy(x), [1, 2], [0.2f, 0.8f], [3, 4], [3, 4]),
        ["xlogy with a number"] = new(x => x.xlogy(2), [1, 2], [0.2f, 0.8f], [3, 4], [3, 4]),
        ["xlogy of a constant"] = new(x => tensor(2f).xlogy(x), [1, 2], [0.2f, 0.8f], [3, 4], [3, 4]),
        ["mse_loss"] = new(x => F.mse_loss(x.select(1, 0), x.select(1, 1), nn.Reduction.None), [1, 2, 2], [1, -2, 3, 2], [4, 8], [1, 4, 3, 4]),
        ["mean of mse_loss"] = new(x => F.mse_loss(x, zeros(1, 2)).reshape(1, 1), [1, 2], [1, 3], [10], [1, 9]),
        ["sum of l1_loss"] = new(x => F.l1_loss(x, zeros(1, 2), nn.Reduction.Sum).reshape(1, 1), [1, 2], [1, -3], [8], [2, 6]),
        ["lgamma"] = new(x => x.lgamma(), [1, 2], [3, 4], [3, 4], [3, 4]),
        ["entr"] = new(x => special.entr(x), [1, 2], [0.2f, 0.8f], [3, 4], [3, 4]),
        ["round"] = new(x => x.round(), [1, 2], [1.2f, -2], [3, 4], [3, 4]),
    };

    private static IEnumerable<string> Names => Cases.Keys;

    private static Tensor Both((Tensor First, Tensor Second) pair) => stack([pair.First, pair.Second], -1);

    [TestCaseSource(nameof(Names))]
    public void RelevanceIsWhatAHandComputes(string name)
    {
        using var scope = NewDisposeScope();
        Case known = Cases[name];
        Tensor x = tensor(known.X).reshape(known.Shape);
        using Explanation e = Explaining.Explain(known.Forward, x, Target.Custom(known.Start));
        Assert.That(e.Input.Floats(), Is.EqualTo(known.Expected).Within(1e-5));
        Assert.That(e.Ledger.Constants[0], Is.EqualTo(known.Constants).Within(1e-5));
        Explaining.AssertSame(e.Prediction, known.Forward(x), 1e-6, "the prediction is the model's");
    }

    // The larger stream goes along the sign of the unit's value.
    [Test]
    public void SumsSeparateStreamsInContrastiveMode()
    {
        using var scope = NewDisposeScope();
        using Explanation e = Explaining.Explain(x => x.cumsum(1), tensor(new float[] { 1, -3, 4 }).reshape(1, 3), Target.Custom([1, 2, 5], [3, 4, 1]), new BacktracerOptions { Mode = Mode.Contrastive });
        Assert.That(e.Streams[0].Input.Floats(), Is.EqualTo(new float[] { 1 + 2 + 1, 0, 4 }).Within(1e-5));
        Assert.That(e.Streams[1].Input.Floats(), Is.EqualTo(new float[] { 3, 4 + 1, 0 }).Within(1e-5));
    }

    [Test]
    public void ALayerKeepsItsName()
    {
        using var scope = NewDisposeScope();
        using Sequential model = nn.Sequential(("first", nn.Linear(4, 6)), ("gate", nn.GLU(1)), ("last", nn.Linear(3, 2)));
        using Explanation e = Explaining.Explain(model, randn(2, 4), Target.Argmax(), new BacktracerOptions { Layers = ["gate"] });
        Assert.That(e["gate"].shape, Is.EqualTo(new long[] { 2, 3 }));
        Assert.That(e.Ledger.Lines.Select(l => l.Node), Has.One.EqualTo("gate").And.One.EqualTo("first"));
        Explaining.AssertConserved(e);
    }

    [Test]
    public void ConstantsThatIndicesOfTheInputChooseAreRefused()
    {
        using var scope = NewDisposeScope();
        Assert.That(
            () => Explaining.Explain(x => zeros(2, 3).scatter(1, x, ones(2, 1)), zeros(2, 1, dtype: int64), Target.Argmax()),
            Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("scatter depends on the input by indices"));
    }

    [Test]
    public void LrpOfACumulativeSumIsGradientTimesInput()
    {
        using var scope = NewDisposeScope();
        Tensor x = tensor(new float[] { 1, -3, 5 }).reshape(1, 3);
        using Explanation e = Explaining.Explain(t => t.cumsum(1), x, Target.Class(2) with { Scaler = null }, new BacktracerOptions { Rules = RuleSet.LrpEpsilon(0) });
        Assert.That(e.Input.Floats(), Is.EqualTo(new float[] { 1, -3, 5 }).Within(1e-5));
    }
}
