using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Forms of operators that are seldom called, many by TorchScript only, are explained as the ones that they stand for.</summary>
public sealed class OverloadTests
{
    private static readonly jit.CompilationUnit Script = jit.compile("""
        def median(x):
            return torch.median(x, -2, True)[0]
        def nanmedian(x):
            return torch.nanmedian(x, 1)[0]
        def blend(x):
            return torch.lerp(x, x.exp(), 0.25)
        def larger(x):
            return torch.max(x, x.flip([1]))
        def smaller(x):
            return torch.min(x, x.flip([1]))
        def norm(x):
            return torch.linalg_vector_norm(x, 3, [1])
        def subtracted(x):
            return torch.rsub(x, x.exp(), alpha=2)
        def root(x):
            return torch.rms_norm(x, [6], x[0, 0, 0], 1e-5)
        def root_apart(x):
            return torch.rms_norm(x, [6], None, 1e-5) * x[0, 0, 0]
        def instance(x):
            return torch.instance_norm(x, x[0, :, 0, 0].exp(), x[0, :, 0, 1], None, None, True, 0.1, 1e-5, False)
        def instance_apart(x):
            y = torch.instance_norm(x, None, None, None, None, True, 0.1, 1e-5, False)
            return y * x[0, :, 0, 0].exp().reshape(-1, 1, 1) + x[0, :, 0, 1].reshape(-1, 1, 1)
        def angle(x):
            return torch.angle(torch.complex(x, x.exp()))

        """);

    // Of x [2, 3, 5, 6]: the form, and what it stands for.
    private static readonly Dictionary<string, (Func<Tensor, Tensor> Form, Func<Tensor, Tensor> Same)> Cases = new()
    {
        ["median along an axis"] = (x => Run("median", x), x => x.kthvalue(3, -2, true).values),
        ["nanmedian along an axis"] = (x => Run("nanmedian", x), x => x.kthvalue(2, 1).values),
        ["lerp by a number"] = (x => Run("blend", x), x => x * 0.75 + x.exp() * 0.25),
        ["max of two"] = (x => Run("larger", x), x => maximum(x, x.flip(1))),
        ["min of two"] = (x => Run("smaller", x), x => minimum(x, x.flip(1))),
        ["norm of order 3"] = (x => Run("norm", x), x => x.abs().pow(3).sum(1).pow(1.0 / 3)),
        ["rsub with a factor"] = (x => Run("subtracted", x), x => x.exp() - 2 * x),
        ["rms_norm whose weight depends on the input"] = (x => Run("root", x), x => Run("root_apart", x)),
        ["instance_norm whose weight and bias depend on the input"] = (x => Run("instance", x), x => Run("instance_apart", x)),
        ["angle of complex numbers"] = (x => Run("angle", x), x => x.exp().atan2(x)),
        ["polar"] = (x => view_as_real(polar(x.exp(), x)), x => stack([x.exp() * x.cos(), x.exp() * x.sin()], -1)),
        ["complex permuted"] = Parts(z => z.permute(0, 2, 1, 3)),
        ["complex selected"] = Parts(z => z.select(1, -2)),
        ["complex reshaped"] = Parts(z => z.reshape(2, 15, 6)),
        ["complex expanded"] = Parts(z => z.unsqueeze(2).expand(2, 3, 4, 5, 6)),
        ["complex negated"] = Parts(z => -z),
        ["complex times a number"] = Parts(z => z * 2),
        ["complex by real"] = (x => view_as_real(complex(x, x.exp()) / x.cosh()), x => stack([x / x.cosh(), x.exp() / x.cosh()], -1)),
    };

    private static IEnumerable<TestCaseData> All =>
        from name in Cases.Keys from mode in Enum.GetValues<Mode>() from isFaithful in new[] { false, true } where mode == Mode.Default || !isFaithful select new TestCaseData(name, mode, isFaithful);

    [TestCaseSource(nameof(All))]
    public void RelevanceIsThatOfWhatItStandsFor(string name, Mode mode, bool isFaithful)
    {
        using var scope = NewDisposeScope();
        Tensor x = randn([2, 3, 5, 6], generator: new Generator().manual_seed(3)), plain = Cases[name].Same(x);
        BacktracerOptions options = new() { Mode = mode, Rules = isFaithful ? RuleSet.Faithful : RuleSet.Backtrace };
        Target target = Explaining.Seed(plain);
        using Explanation form = Explaining.Explain(Cases[name].Form, x, target, options), same = Explaining.Explain(Cases[name].Same, x, target, options);
        for (int stream = 0; stream < form.Streams.Count; stream++)
            Explaining.AssertSame(form.Streams[stream].Input, same.Streams[stream].Input, 1e-5, name);
        Explaining.AssertSame(form.Prediction, plain, 1e-5, name);
    }

    private static Tensor Run(string function, Tensor x) => (Tensor)Script.invoke(function, x);

    // A linear function of complex numbers is one of either part.
    private static (Func<Tensor, Tensor>, Func<Tensor, Tensor>) Parts(Func<Tensor, Tensor> map) =>
        (x => view_as_real(map(complex(x, x.exp()))), x => stack([map(x), map(x.exp())], -1));
}
