using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Operators that libtorch makes of others are explained as if their parts had been called.</summary>
public sealed class CompositeOperatorTests
{
    private static readonly Tensor Square = Weight(6, 4), Cube = Weight(3, 5, 4), Vector = Weight(6);

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
        Explaining.AssertSame(written.Prediction, same.Prediction, 1e-6, name);
        if (mode == Mode.Default)
            Explaining.AssertConserved(written, name);
    }

    [Test]
    public void PartsWithoutRuleAreNamed()
    {
        using Tensor x = ones(2, 3, 3);
        Assert.That(
            () => Explaining.Explain(t => einsum("nii->ni", t.cumsum(1)), x, Target.Argmax()),
            Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("cumsum"));
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
