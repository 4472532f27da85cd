using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Fuzz;

// Sums, means, maxima and the like over axes.
internal static partial class Operators
{
    private static Action<Sketch>[] Reductions =>
    [
        s => Reduce(s, "sum", (x, axes, keep) => x.sum(axes, keep), isMaximum: false),
        s => Reduce(s, "mean", (x, axes, keep) => x.mean(axes, keep), isMaximum: false),
        s => Reduce(s, "mean", (x, axes, keep) => x.mean(axes, keep), isMaximum: false),
        s => Reduce(s, "amax", (x, axes, keep) => x.amax(axes, keep), isMaximum: true),
        s => Reduce(s, "amin", (x, axes, keep) => x.amin(axes, keep), isMaximum: true),
        s => Along(s, "cumsum", (x, a) => x.cumsum(a), a => References.Units(x => x.cumsum(a)), isLinear: true),
        s => Along(s, "max", (x, a) => x.max(a).values, a => References.Copies(x => x.amax([a])), isLinear: true),
        s => Along(s, "logsumexp", (x, a) => x.logsumexp(a), a => (x, r) => [r[0].unsqueeze(a) * x[0].softmax(a)], isLinear: false),
        s => Along(s, "std", (x, a) => x.std(a), _ => null, isLinear: false),
        s => Along(s, "norm", (x, a) => linalg.vector_norm(x, 2, [a]), _ => null, isLinear: false),
        s => Along(s, "prod", (x, a) => x.prod(a), a => (x, r) => [(r[0] / x[0].shape[a]).unsqueeze(a).expand(x[0].shape)], isLinear: false),
    ];

    private static void Reduce(Sketch s, string text, Func<Tensor, long[], bool, Tensor> run, bool isMaximum)
    {
        int v = s.Any(t => t.ndim > 0);
        if (v < 0)
            return;
        long rank = s.Values[v].ndim;
        long[] axes = [.. Enumerable.Range(0, s.Next(1, 3)).Select(_ => s.Axis(v)).Distinct().Select(a => s.Either(a, rank))];
        bool keeps = s.Chance(2), mixes = axes.Any(a => a == 0 || a == -rank);
        Func<Tensor, Tensor> whole = x => run(x, axes, keeps);
        s.Add($"{text}[{Join(axes)}{(keeps ? ", keep" : "")}]", v, whole, isMaximum ? References.Copies(whole) : References.Units(whole), isLinear: true, mixes: mixes);
    }

    private static void Along(Sketch s, string text, Func<Tensor, long, Tensor> run, Func<long, Reference?> rule, bool isLinear)
    {
        int v = s.Any(t => t.ndim > 0);
        if (v < 0)
            return;
        int axis = s.Axis(v);
        s.Add($"{text}[{axis}]", v, x => run(x, axis), rule(axis), isLinear, mixes: axis == 0);
    }
}
