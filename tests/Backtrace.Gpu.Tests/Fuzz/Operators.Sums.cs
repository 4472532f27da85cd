using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Fuzz;

// Sums, differences, products and quotients, with broadcasting.
internal static partial class Operators
{
    private static Action<Sketch>[] Sums =>
    [
        s => Pair(s, "add", (a, b) => a + b, References.Joint(x => x[0] + x[1]), isLinear: true),
        s => Pair(s, "add", (a, b) => a + b, References.Joint(x => x[0] + x[1]), isLinear: true),
        s => Pair(s, "add[alpha: -2]", (a, b) => a.add(b, alpha: -2), References.Joint(x => x[0] + x[1] * 2), isLinear: true),
        s => Pair(s, "sub", (a, b) => a - b, References.Joint(x => x[0] + x[1]), isLinear: true),
        s => Pair(s, "mul", (a, b) => a * b, References.Halves, isLinear: false),
        s => Pair(s, "div", (a, b) => a / (b.abs() + 0.5), null, isLinear: false),
        s => Pair(s, "maximum", (a, b) => maximum(a, b), References.Copies(x => [maximum(x[0], x[1])]), isLinear: true),
        s => Pair(s, "minimum", (a, b) => minimum(a, b), References.Copies(x => [minimum(x[0], x[1])]), isLinear: true),
        s => Number(s, "mul 1.7", x => x * 1.7f, References.Identity, isLinear: true),
        s => Number(s, "mul 0", x => x * 0, References.Identity, isLinear: true),
        s => Number(s, "neg", x => -x, References.Identity, isLinear: true),
        s => Number(s, "div 3", x => x / 3, References.Identity, isLinear: true),
        s => Number(s, "add 0.3", x => x + 0.3, References.Units(x => x + 0.3f), isLinear: true),
        s => Number(s, "1 - x", x => 1 - x, References.Units(x => x + 1), isLinear: true),
        s => WithConstant(s, "add", (x, c) => x + c, c => References.Units(x => x + c.abs()), isLinear: true),
        s => WithConstant(s, "c - x", (x, c) => c - x, c => References.Units(x => x + c.abs()), isLinear: true),
        s => WithConstant(s, "mul", (x, c) => x * c, c => References.Copies(x => x * ones_like(c)), isLinear: true),
        s => WithConstant(s, "div", (x, c) => x / (c.abs() + 0.5), c => References.Copies(x => x * ones_like(c)), isLinear: true),
        s => WithConstant(s, "maximum", (x, c) => maximum(x, c), c => References.Copies(x => maximum(x, c)), isLinear: true),
        s => Triple(s, "addcmul", (a, b, c) => a.addcmul(b, c, 0.5f)),
        s => Triple(s, "lerp", (a, b, c) => lerp(a, b, 0.3f)),
    ];

    private static void Pair(Sketch s, string text, Func<Tensor, Tensor, Tensor> run, Reference? rule, bool isLinear)
    {
        int a = s.Any();
        if (a < 0)
            return;
        int b = s.Any(t => Broadcasts(t.shape, s.Values[a].shape));
        if (b < 0)
            return;
        if (s.Chance(2))
            (a, b) = (b, a);
        s.Add(text, [a, b], x => [run(x[0], x[1])], rule, isLinear, mixes: s.Values[a].ndim != s.Values[b].ndim);
    }

    private static void Triple(Sketch s, string text, Func<Tensor, Tensor, Tensor, Tensor> run)
    {
        int a = s.Any();
        if (a < 0)
            return;
        int b = s.Any(t => t.shape.SequenceEqual(s.Values[a].shape)), c = s.Any(t => t.shape.SequenceEqual(s.Values[a].shape));
        s.Add(text, [a, b, c], x => [run(x[0], x[1], x[2])], null, isLinear: false);
    }

    private static void Number(Sketch s, string text, Func<Tensor, Tensor> run, Reference rule, bool isLinear)
    {
        int v = s.Any();
        if (v >= 0)
            s.Add(text, v, run, rule, isLinear);
    }

    // Some axes of the constant are 1, or missing.
    private static void WithConstant(Sketch s, string text, Func<Tensor, Tensor, Tensor> run, Func<Tensor, Reference> rule, bool isLinear)
    {
        int v = s.Any(t => t.ndim > 0);
        if (v < 0)
            return;
        long[] shape = [.. s.Values[v].shape.Select((n, a) => a == 0 || s.Chance(3) ? 1 : n)];
        if (s.Chance(6) && shape.Length > 1 && shape[^1] == 1 && s.Values[v].shape[^1] == 1)
            shape[^1] = 3;
        Tensor c = s.Spread(shape[(s.Chance(2) ? shape.TakeWhile(n => n == 1).Count() : 0)..], 1);
        s.Add($"{text} [{Join(c.shape)}]", v, x => run(x, c), rule(c.to(ScalarType.Float64)), isLinear);
    }

    private static bool Broadcasts(long[] a, long[] b) => a.Reverse().Zip(b.Reverse(), (m, n) => m == n || m == 1 || n == 1).All(fits => fits);
}
