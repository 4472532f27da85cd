using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Fuzz;

// Parts of tensors, what is put together of them, and entries at chosen places.
internal static partial class Operators
{
    private static Action<Sketch>[] Pieces =>
    [
        Concatenate,
        Stacked,
        s => Cut(s, (t, a) => s.Next(1, 4) is var n ? ($"chunk[{n}, {a}]", x => x.chunk(n, a)) : default),
        s => Cut(s, (t, a) => s.Next(1, 4) is var n ? ($"split[{n}, {a}]", x => x.split(n, a)) : default),
        s => Cut(s, (t, a) => s.Next(1, 4) is var n ? ($"tensor_split[{n}, {a}]", x => x.tensor_split(n, a)) : default),
        s => Cut(s, (t, a) => ($"unbind[{a}]", x => x.unbind((int)a))),
        s => Part(s, (t, a, n) => s.Next(n) is var first && s.Next(0, n - first) + 1 is var count ? ($"narrow[{a}, {first}, {count}]", x => x.narrow(a, first, count)) : default),
        s => Part(s, (t, a, n) => s.Next(-n, n) is var first && s.Next(1, 3) is var step ? ($"slice[{a}, {first}, {step}]", x => x.slice(a, first, x.shape[a] + 3, step)) : default),
        s => Part(s, (t, a, n) => s.Next(-n, n) is var at ? ($"select[{a}, {at}]", x => x.select(a, at)) : default),
        s => Part(s, (t, a, n) => randint(0, n, s.Next(1, 5), int64) is var index ? ($"index_select[{a}, {Text(index)}]", x => x.index_select(a, index)) : default),
        s => Part(s, (t, a, n) => s.Chance(2) && t.ndim > 1 && a == 1 && randint(0, n, [2, 3], int64) is var index ? ($"index[:, {Text(index)}]", x => x.index(TensorIndex.Colon, TensorIndex.Tensor(index))) : default),
        s => Part(s, (t, a, n) => ($"sort[{a}]", x => x.sort(a, descending: true).Values)),
        s => Part(s, (t, a, n) => s.Next(1, n + 1) is var k ? ($"topk[{k}, {a}]", x => x.topk(k, (int)a).values) : default),
        s => Part(s, (t, a, n) => ($"gather of the order[{a}]", x => x.gather(a, x.argsort(a)))),
        s => Part(s, (t, a, n) => ($"masked_fill of negative entries", x => x.masked_fill(x < -0.1, 0))),
        s => Part(s, (t, a, n) => ($"where positive, else 0", x => where(x > -0.3, x, zeros_like(x)))),
        s => Part(s, (t, a, n) => t.ndim > 2 ? ("tril", x => x.tril(0)) : default),
        Pad,
        Chosen,
    ];

    private static string Text(Tensor index) => string.Join(" ", index.flatten().data<long>().ToArray());

    private static void Part(Sketch s, Func<Tensor, long, int, (string Text, Func<Tensor, Tensor> Run)> draw)
    {
        int v = s.Any(t => t.ndim > 0);
        if (v < 0)
            return;
        int axis = s.Axis(v);
        (string text, Func<Tensor, Tensor>? run) = draw(s.Values[v], axis, (int)s.Values[v].shape[axis]);
        if (run is not null)
            s.Add(text, v, run, References.Copies(run), isLinear: true, mixes: axis == 0);
    }

    private static void Cut(Sketch s, Func<Tensor, long, (string Text, Func<Tensor, Tensor[]> Run)> draw)
    {
        int v = s.Any(t => t.ndim > 0);
        if (v < 0)
            return;
        int axis = s.Axis(v);
        (string text, Func<Tensor, Tensor[]> run) = draw(s.Values[v], axis);
        s.Add(text, [v], x => run(x[0]), References.Copies(x => run(x[0])), isLinear: true, mixes: axis == 0);
    }

    private static void Concatenate(Sketch s)
    {
        int first = s.Any(t => t.ndim > 0);
        if (first < 0)
            return;
        int axis = s.Axis(first);
        long[] shape = s.Values[first].shape;
        bool Fits(Tensor t) => t.ndim == shape.Length && t.shape.Where((_, a) => a != axis).SequenceEqual(shape.Where((_, a) => a != axis));
        int[] from = [first, .. Enumerable.Range(0, s.Next(0, 3)).Select(_ => s.Any(Fits))];
        long along = s.Either(axis, shape.Length);
        Func<Tensor[], Tensor[]> run = x => [cat(x, along)];
        if (axis > 0 && s.Chance(5))
        {
            Tensor constant = s.Weight(shape).narrow(0, 0, 1);
            long[] sizes = [.. shape.Select((_, a) => a == 0 ? 0L : -1)];
            run = x => [cat([.. x, constant.to(x[0].dtype).expand([x[0].shape[0], .. constant.shape[1..]])], along)];
        }

        s.Add($"cat[{along}]", from, run, References.Copies(run), isLinear: true, mixes: axis == 0);
    }

    private static void Stacked(Sketch s)
    {
        int first = s.Any();
        if (first < 0)
            return;
        long[] shape = s.Values[first].shape;
        int[] from = [.. Enumerable.Repeat(0, s.Next(1, 4)).Select(_ => s.Any(t => t.shape.SequenceEqual(shape)))];
        int axis = s.Next(shape.Length + 1);
        s.Add($"stack[{axis}]", from, x => [stack(x, axis)], References.Copies(x => [stack(x, axis)]), isLinear: true, mixes: axis == 0);
    }

    private static void Pad(Sketch s)
    {
        int v = s.Any(t => t.ndim is > 2 and < 6);
        if (v < 0)
            return;
        PaddingModes mode = s.Choose(PaddingModes.Constant, PaddingModes.Reflect, PaddingModes.Replicate, PaddingModes.Circular);
        int axes = mode == PaddingModes.Constant ? s.Next(1, (int)s.Values[v].ndim) : (int)s.Values[v].ndim - 2;
        long[] pads = [.. Enumerable.Range(0, 2 * axes).Select(_ => (long)s.Next(mode == PaddingModes.Constant ? -1 : 0, 3))];
        s.Add($"pad[{mode}, {Join(pads)}]", v, x => F.pad(x, pads, mode), References.Copies(x => F.pad(x, pads, mode)), isLinear: true);
    }

    // Entries of one value or of another, by a condition on a third.
    private static void Chosen(Sketch s)
    {
        int a = s.Any();
        if (a < 0)
            return;
        int b = s.Any(t => t.shape.SequenceEqual(s.Values[a].shape)), c = s.Any(t => t.shape.SequenceEqual(s.Values[a].shape));
        Func<Tensor[], Tensor[]> run = x => [where(x[2] > 0.1, x[0], x[1])];
        s.Add("where[c > 0.1]", [a, b, c], run, References.Copies(run), isLinear: true);
    }
}
