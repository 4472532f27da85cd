using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Fuzz;

// Operators that overwrite what they read, or a part of it.
internal static partial class Operators
{
    private static Action<Sketch>[] InPlace =>
    [
        s => Overwrite(s, "relu_", x => x.relu_(), References.Identity, isLinear: true),
        s => Overwrite(s, "relu_", x => x.relu_(), References.Identity, isLinear: true),
        s => Overwrite(s, "mul_ 0.7", x => x.mul_(0.7f), References.Identity, isLinear: true),
        s => Overwrite(s, "add_ 0.4", x => x.add_(0.4f), References.Units(x => x + 0.4f), isLinear: true),
        s => Overwrite(s, "tanh_", x => x.tanh_(), References.Identity),
        s => Overwrite(s, "sigmoid_", x => x.sigmoid_(), References.Identity),
        s => Overwrite(s, "clamp_", x => x.clamp_(-1, 1), References.Identity),
        s => Overwrite(s, "neg_", x => x.neg_(), References.Identity, isLinear: true),
        s => OverwritePair(s, "add_", (a, b) => a.add_(b), References.Joint(x => x[0] + x[1]), isLinear: true),
        s => OverwritePair(s, "add_", (a, b) => a.add_(b), References.Joint(x => x[0] + x[1]), isLinear: true),
        s => OverwritePair(s, "sub_", (a, b) => a.sub_(b), References.Joint(x => x[0] + x[1]), isLinear: true),
        s => OverwritePair(s, "mul_", (a, b) => a.mul_(b), References.Halves),
        s => OverwritePair(s, "copy_", (a, b) => a.copy_(b), References.Copies(x => [x[0] * 0 + x[1]]), isLinear: true),
        s => Overwrite(s, "where_", x => x.copy_(where(x < 0.1, zeros_like(x), x)), null, isLinear: true),
        s => Overwrite(s, "part.relu_", x => Written(x, part => part.relu_()), null, isLinear: true),
        s => Overwrite(s, "part.mul_", x => Written(x, part => part.mul_(-1.5f)), null, isLinear: true),
        s => Overwrite(s, "part.zero_", x => Written(x, part => part.zero_()), null, isLinear: true),
        s => Overwrite(s, "part.add_ of the whole's last", x => Written(x, part => part.add_(x.narrow(-1, x.shape[^1] - 1, 1))), null, isLinear: true),
        Assembled,
    ];

    private static Tensor Written(Tensor x, Action<Tensor> write)
    {
        write(x.narrow(-1, 0, (x.shape[^1] + 1) / 2));
        return x;
    }

    private static void Overwrite(Sketch s, string text, Func<Tensor, Tensor> run, Reference? rule, bool isLinear = false)
    {
        int v = s.Any(t => t.ndim > 0);
        if (v >= 0)
            s.Add(text, v, run, rule, isLinear, mixes: s.Values[v].ndim == 1, overwrites: true);
    }

    private static void OverwritePair(Sketch s, string text, Func<Tensor, Tensor, Tensor> run, Reference rule, bool isLinear = false)
    {
        int a = s.Any();
        if (a < 0)
            return;
        int b = s.Any(t => t.ndim <= s.Values[a].ndim && Broadcasts(t.shape, s.Values[a].shape) && t.shape.Reverse().Zip(s.Values[a].shape.Reverse(), (n, m) => n == m || n == 1).All(f => f));
        s.Add(text, [a, b], x => [run(x[0], x[1])], rule, isLinear, mixes: b >= 0 && s.Values[b].ndim != s.Values[a].ndim, overwrites: true);
    }

    // A new tensor that is filled part by part.
    private static void Assembled(Sketch s)
    {
        int a = s.Any(t => t.ndim > 1);
        if (a < 0)
            return;
        int b = s.Any(t => t.shape.SequenceEqual(s.Values[a].shape)), axis = s.Next(1, (int)s.Values[a].ndim);
        Func<Tensor[], Tensor[]> run = x =>
        {
            Tensor whole = zeros([.. x[0].shape.Select((n, k) => k == axis ? n + 1 : n)], dtype: x[0].dtype);
            whole.narrow(axis, 0, x[0].shape[axis]).copy_(x[0]);
            whole.select(axis, x[0].shape[axis] / 2).copy_(x[1].select(axis, 0));
            return [whole];
        };
        s.Add($"assembled along {axis}", [a, b], run, References.Copies(run), isLinear: true);
    }
}
