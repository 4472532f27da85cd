using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Operators that libtorch makes of others, or that are recorded as others, are explained as if their parts had been called.</summary>
public sealed class CompositeOperatorTests
{
    private static readonly Tensor Square = Weight(6, 4), Cube = Weight(3, 5, 4), Vector = Weight(6), Pairs = Weight(4, 6, 6), Small = Weight(4);

    // Of x [2, 3, 5, 6]: the operator, and the same without it.
    private static readonly Dictionary<string, (Func<Tensor, Tensor> Written, Func<Tensor, Tensor> Same)> Cases = new()
    {
        ["einsum with a matrix"] = (x => einsum("nctf,fo->ncto", x, Square), x => x.matmul(Square)),
        ["einsum with a result in another order"] = (x => einsum("nctf,fo->ocnt", x, Square), x => x.matmul(Square).permute(3, 1, 0, 2)),
        ["einsum with a batch of constants"] = (x => einsum("nctf,cto->nfo", x, Cube), x => x.permute(0, 3, 1, 2).flatten(2).matmul(Cube.flatten(0, 1))),
        ["einsum that sums"] = (x => einsum("nctf->nf", x), x => x.sum([1, 2])),
        ["einsum of two dynamic tensors"] = (x => einsum("ncqf,nckf->ncqk", x, x.tanh()), x => x.matmul(x.tanh().transpose(2, 3))),
        ["attention by einsum"] = (
            x => einsum("ncqk,nckf->ncqf", einsum("ncqf,nckf->ncqk", x, x.tanh()).softmax(-1), x),
            x => x.matmul(x.tanh().transpose(2, 3)).softmax(-1).matmul(x)),
        ["tensordot"] = (x => tensordot(x, Square, [3], [0]), x => x.matmul(Square)),
        ["inner"] = (x => inner(x, Square.t()), x => x.matmul(Square)),
        ["matrix times vector"] = (x => x.flatten(0, 2).mv(Vector).unsqueeze(0), x => x.matmul(Vector).flatten().unsqueeze(0)),
        ["outer"] = (x => x.flatten().outer(Vector), x => x.flatten().unsqueeze(1) * Vector),
        ["kron"] = (x => kron(x.flatten(0, 2), Square), x => (x.flatten(0, 2).unsqueeze(1).unsqueeze(3) * Square.unsqueeze(0).unsqueeze(2)).flatten(0, 1).flatten(1)),
        ["glu"] = (x => F.glu(x), x => x.slice(3, 0, 3, 1) * x.slice(3, 3, 6, 1).sigmoid()),
        ["glu in the middle"] = (x => F.glu(x.transpose(1, 3), 1), x => x.transpose(1, 3).slice(1, 0, 3, 1) * x.transpose(1, 3).slice(1, 3, 6, 1).sigmoid()),
        ["addmm with factors"] = (x => addmm(Small, x.flatten(0, 2), Square, 0.5f, 2), x => x.flatten(0, 2).matmul(Square) * 2 + Small * 0.5),
        ["addmm onto a dynamic tensor"] = (x => addmm(x.flatten(0, 2).slice(1, 0, 4, 1), x.flatten(0, 2), Square, 1, 1), x => x.flatten(0, 2).matmul(Square) + x.flatten(0, 2).slice(1, 0, 4, 1)),
        ["addmm of two dynamic tensors"] = (x => addmm(Vector.slice(0, 0, 5, 1), x[0, 0], x[1, 1].tanh().t(), 1, 1), x => x[0, 0].matmul(x[1, 1].tanh().t()) + Vector.slice(0, 0, 5, 1)),
        ["addmv"] = (x => addmv(Small, x[0, 0].slice(0, 0, 4, 1), Vector, 1, 1).unsqueeze(0), x => (x[0, 0].slice(0, 0, 4, 1).matmul(Vector) + Small).unsqueeze(0)),
        ["addr"] = (x => addr(Square, x[0, 0, 0], Small, 1, 1), x => x[0, 0, 0].unsqueeze(1) * Small + Square),
        ["addbmm"] = (x => addbmm(Square.slice(0, 0, 5, 1), x[0], Square.expand(3, 6, 4), 1, 1), x => x[0].matmul(Square.expand(3, 6, 4)).sum([0L]) + Square.slice(0, 0, 5, 1)),
        ["baddbmm"] = (x => x[0].baddbmm(Square.expand(3, 6, 4), Cube, 0.5f, 2), x => x[0].matmul(Square.expand(3, 6, 4)) * 2 + Cube * 0.5),
        ["baddbmm of dynamic tensors"] = (x => x[0].baddbmm(x[1].transpose(1, 2), x[0].slice(2, 0, 5, 1), 1, 1), x => x[0].matmul(x[1].transpose(1, 2)) + x[0].slice(2, 0, 5, 1)),
        ["bilinear"] = (
            x => F.bilinear(x, x.tanh(), Pairs, Small),
            x => F.linear((x.unsqueeze(-1) * x.tanh().unsqueeze(-2)).flatten(-2), Pairs.flatten(1), Small)),
        ["bilinear with a constant"] = (x => F.bilinear(x, Vector.expand(2, 3, 5, 6), Pairs), x => (x.unsqueeze(-1) * Vector).flatten(-2).matmul(Pairs.flatten(1).t())),
        ["dot"] = (x => x[0, 0, 0].dot(Vector).reshape(1, 1), x => x[0, 0, 0].unsqueeze(0).matmul(Vector.unsqueeze(1))),
        ["addcmul"] = (x => x.addcmul(x.tanh(), x.exp(), 0.5), x => x + x.tanh() * x.exp() * 0.5),
        ["addcmul in place"] = (x => (x * 1).addcmul_(x.tanh(), x.exp(), 0.5), x => x + x.tanh() * x.exp() * 0.5),
        ["addcdiv"] = (x => x.addcdiv(x.tanh(), x.exp(), 0.5), x => x + x.tanh() / x.exp() * 0.5),
        ["lerp"] = (x => lerp(x, x.exp(), Vector), x => x * (1 - Vector) + x.exp() * Vector),
        ["linalg.vecdot"] = (x => linalg.vecdot(x, x.tanh()), x => (x * x.tanh()).sum(-1)),
        ["msort"] = (x => x.msort(), x => x.sort(0).Values),
        ["diagflat"] = (x => x.diagflat(), x => x.flatten().diag()),
        ["block_diag"] = (x => block_diag(x[0, 0], x[1, 0]), x => cat([nn.functional.pad(x[0, 0], [0, 6]), nn.functional.pad(x[1, 0], [6, 0])], 0)),
        ["ldexp"] = (x => x.ldexp(Vector), x => x * pow(2, Vector)),
        ["fftshift"] = (x => fft.fftshift(x, [2, 3]), x => x.roll([2, 3], [2, 3])),
        ["quantile"] = (x => x.flatten(1).quantile(tensor(0.5f), 1, false), x => x.flatten(1).sort(1).Values.narrow(1, 44, 2).mean([1L])),
        ["pairwise distance"] = (x => F.pairwise_distance(x.flatten(0, 2), x.exp().flatten(0, 2)).unsqueeze(0), x => (x - x.exp()).flatten(0, 2).pow(2).sum(-1).unsqueeze(0)),
    };

    private static IEnumerable<TestCaseData> All => from name in Cases.Keys from mode in Enum.GetValues<Mode>() select new TestCaseData(name, mode);

    [TestCaseSource(nameof(All))]
    public void RelevanceIsThatOfItsParts(string name, Mode mode)
    {
        using var scope = NewDisposeScope();
        Tensor x = Weight(2, 3, 5, 6);
        Target target = Explaining.Seed(Cases[name].Same(x));
        BacktracerOptions options = new() { Mode = mode };
        using Explanation written = Explaining.Explain(Cases[name].Written, x, target, options), same = Explaining.Explain(Cases[name].Same, x, target, options);
        for (int stream = 0; stream < written.Streams.Count; stream++)
            Explaining.AssertSame(written.Streams[stream].Input, same.Streams[stream].Input, 1e-5, name);
        if (!name.Contains("distance", StringComparison.Ordinal))
            Explaining.AssertSame(written.Prediction, same.Prediction, 1e-6, name);
        if (mode == Mode.Default)
            Explaining.AssertConserved(written, name);
    }

    [Test]
    public void PartsWithoutRuleAreNamed()
    {
        using Tensor x = ones(2, 3, 3);
        Assert.That(
            () => Explaining.Explain(t => einsum("nii->ni", t.i0()), x, Target.Argmax()),
            Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("i0"));
    }

    [Test]
    public void ARuleOfTheUsersOwnComesFirst()
    {
        using var scope = NewDisposeScope();
        Tensor x = Weight(2, 3, 5, 6);
        BacktracerOptions options = new() { Operators = new Dictionary<string, Lowering> { ["rot90"] = call => call.Refuse("is mine") } };
        Assert.That(() => Explaining.Explain(t => t.rot90(1, (2, 3)), x, Target.Argmax(), options), Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("is mine"));
    }

    private static Tensor Weight(params long[] shape)
    {
        using Generator generator = new(9);
        return randn(shape, generator: generator).DetachFromDisposeScope();
    }
}
