using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Fuzz;

// Changes of shape: every entry of the result is one of the operand.
internal static partial class Operators
{
    private static Action<Sketch>[] Shapes =>
    [
        s => Moved(s, (v, a, b) => ($"transpose[{a}, {b}]", x => x.transpose(a, b))),
        Permute,
        s => OnAxis(s, (t, a) => ("flatten" + $"[{a}]", x => a < 0 ? x.flatten(a + t.ndim) : x.flatten(a))),
        s => OnAxis(s, (_, a) => ($"unsqueeze[{a}]", x => x.unsqueeze(a))),
        s => OnAxis(s, (_, a) => ($"squeeze[{a}]", x => x.squeeze(a))),
        Reshape,
        s => OnAxis(s, (t, a) => ($"flip[{a}]", x => x.flip(a))),
        s => OnAxis(s, (t, a) => s.Next(-3, 4) is var n ? ($"roll[{n}, {a}]", x => x.roll(n, a)) : default),
        s => OnAxis(s, (t, a) => s.Next(1, 4) is var n ? ($"repeat_interleave[{n}, {a}]", x => x.repeat_interleave(n, a)) : default),
        Expand,
        Repeat,
        s => OnAxis(s, (_, a) => ("clone", x => x.clone())),
        s => OnAxis(s, (_, a) => ("contiguous", x => x.transpose(0, a).contiguous().transpose(0, a))),
        s => OnAxis(s, (_, a) => ("detach", x => x.detach())),
        s => OnAxis(s, (_, a) => s.Choose(-1L, 1) is var to ? ($"movedim[{a}, {to}]", x => x.movedim([a], [to])) : default),
        s => OnAxis(s, (t, a) => s.Next(1, (int)Math.Max(2, t.shape[a])) is var n && s.Next(1, 3) is var step ? ($"unfold[{a}, {n}, {step}]", x => x.unfold(a, n, step).contiguous()) : default),
    ];

    private static void OnAxis(Sketch s, Func<Tensor, long, (string Text, Func<Tensor, Tensor> Run)> draw)
    {
        int v = s.Any(t => t.ndim > 0);
        if (v < 0)
            return;
        int axis = s.Axis(v);
        (string text, Func<Tensor, Tensor> run) = draw(s.Values[v], axis);
        s.Add(text, v, run, text == "detach" ? References.Identity : References.Copies(run), isLinear: text != "detach", mixes: axis == 0);
    }

    private static void Moved(Sketch s, Func<int, long, long, (string Text, Func<Tensor, Tensor> Run)> draw)
    {
        int v = s.Any(t => t.ndim > 1);
        if (v < 0)
            return;
        int a = s.Axis(v), b = s.Axis(v);
        long rank = s.Values[v].ndim;
        (string text, Func<Tensor, Tensor> run) = draw(v, s.Either(a, rank), s.Either(b, rank));
        s.Add(text, v, run, References.Copies(run), isLinear: true, mixes: a != b && (a == 0 || b == 0));
    }

    private static void Permute(Sketch s)
    {
        int v = s.Any(t => t.ndim > 2);
        if (v < 0)
            return;
        int rank = (int)s.Values[v].ndim;
        bool keeps = !s.Chance(8);
        long[] axes = [.. Enumerable.Range(0, rank).OrderBy(a => keeps && a == 0 ? -1 : s.Random.NextDouble()).Select(a => (long)a)];
        s.Add($"permute[{Join(axes)}]", v, x => x.permute(axes), References.Copies(x => x.permute(axes)), isLinear: true, mixes: axes[0] != 0);
    }

    // Splits one axis or joins two neighbours.
    private static void Reshape(Sketch s)
    {
        int v = s.Any(t => t.ndim > 1);
        if (v < 0)
            return;
        long[] shape = s.Values[v].shape;
        int axis = s.Axis(v);
        List<long> sizes = [.. shape];
        if (s.Chance(2) && axis + 1 < shape.Length)
        {
            sizes[axis] *= sizes[axis + 1];
            sizes.RemoveAt(axis + 1);
        }
        else if (Enumerable.Range(2, 3).FirstOrDefault(n => shape[axis] % n == 0) is > 0 and int part)
        {
            sizes[axis] /= part;
            sizes.Insert(axis + 1, part);
        }

        bool mixes = axis == 0;
        if (!mixes)
            sizes[0] = -1;
        long[] target = [.. sizes];
        Func<Tensor, Tensor> run = s.Chance(2) ? x => x.reshape(target) : x => x.contiguous().view(target);
        s.Add($"reshape[{Join(target)}]", v, run, References.Copies(run), isLinear: true, mixes: mixes);
    }

    private static void Expand(Sketch s)
    {
        int v = s.Any(t => t.ndim > 0 && t.shape.Skip(1).Contains(1));
        if (v < 0)
            return;
        int rank = (int)s.Values[v].ndim;
        int axis = Enumerable.Range(1, rank - 1).First(a => s.Values[v].shape[a] == 1);
        long[] sizes = [.. Enumerable.Range(0, rank).Select(a => a == axis ? (long)s.Next(2, 4) : -1)];
        s.Add($"expand[{Join(sizes)}]", v, x => x.expand(sizes), References.Copies(x => x.expand(sizes)), isLinear: true);
    }

    private static void Repeat(Sketch s)
    {
        int v = s.Any(t => t.ndim > 0);
        if (v < 0)
            return;
        int axis = s.Axis(v);
        long[] counts = [.. s.Values[v].shape.Select((_, a) => a == axis ? (long)s.Next(1, 4) : 1)];
        s.Add($"repeat[{Join(counts)}]", v, x => x.repeat(counts), References.Copies(x => x.repeat(counts)), isLinear: true, mixes: axis == 0);
    }
}
