using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Operators that only move entries hand relevance back as a gradient travels: random chains of them are compared with autograd.</summary>
public sealed class DataMovementTests
{
    private delegate Tensor? Step(Tensor x, Random r);

    // Overloads that TorchSharp does not offer.
    private static readonly jit.CompilationUnit Script = jit.compile("def overwrite(x, axis: int, index):\n    return x.scatter(axis, index, 3.0)\n");

    private static readonly (string Name, Step Run)[] Steps =
    [
        ("reshape", (x, _) => x.reshape(-1, x.shape[^1])),
        ("flatten", (x, _) => x.ndim > 1 ? x.flatten(1) : null),
        ("unsqueeze", (x, r) => x.ndim < 5 ? x.unsqueeze(r.Next((int)x.ndim + 1)) : null),
        ("squeeze", (x, _) => x.ndim > 1 && x.shape[1] == 1 ? x.squeeze(1) : null),
        ("permute", (x, r) => x.permute(Order(x, r))),
        ("all axes reversed", (x, _) => x.T),
        ("transpose", (x, r) => x.transpose(r.Next((int)x.ndim), -1)),
        ("movedim", (x, r) => x.movedim([0], [r.Next((int)x.ndim)])),
        ("slice", (x, r) => x.slice(Axis(x, r, out int a), -x.shape[a] + r.Next((int)x.shape[a]), x.shape[a], r.Next(1, 3))),
        ("narrow", (x, r) => x.narrow(Axis(x, r, out int a), r.Next((int)x.shape[a]), 1)),
        ("select", (x, r) => x.ndim > 1 ? x.select(Axis(x, r, out int a), r.Next((int)x.shape[a]) - x.shape[a]) : null),
        ("chunk", (x, r) => Swapped(x.chunk(2, Axis(x, r, out int a)), a)),
        ("split", (x, r) => Swapped(x.split(2, Axis(x, r, out int a)), a)),
        ("one of a split", (x, r) => x.split(2, Axis(x, r, out _))[^1]),
        ("unbind", (x, r) => x.ndim > 1 ? stack(x.unbind(Axis(x, r, out int a)), a == 0 ? -1 : 0) : null),
        ("expand", (x, r) => x.ndim < 5 ? x.unsqueeze(0).expand([r.Next(1, 4), .. x.shape]) : null),
        ("stack", (x, r) => x.ndim < 5 ? stack([x, x], r.Next((int)x.ndim + 1)) : null),
        ("cat", (x, r) => cat([x, x.clone()], Axis(x, r, out _))),
        ("flip", (x, r) => x.flip(Axis(x, r, out _))),
        ("roll", (x, r) => x.roll(new long[] { r.Next(-3, 4) }, new long[] { Axis(x, r, out _) })),
        ("repeat", (x, r) => x.repeat([r.Next(1, 3), .. Enumerable.Repeat(1L, (int)x.ndim - 1)])),
        ("tile of the last axis", (x, r) => tile(x, [r.Next(1, 3)])),
        ("pad", (x, r) => F.pad(x, [r.Next(3), r.Next(3)], PaddingModes.Constant, 0)),
        ("index_select", (x, r) => x.index_select(Axis(x, r, out int a), tensor(new[] { 0L, x.shape[a] - 1, 0L }))),
        ("index_select by a strided view of 32-bit numbers", (x, r) => x.index_select(Axis(x, r, out int a), tensor(new[] { 0, 7, (int)x.shape[a] - 1, 7 }).slice(0, 0, 4, 2))),
        ("index along one axis", (x, r) => x.index([.. Enumerable.Repeat(TensorIndex.Colon, r.Next((int)x.ndim)), TensorIndex.Tensor(tensor(new[] { 0L, -1, 0 }))])),
        ("index along two axes", (x, _) => x.ndim > 1 ? x.index(TensorIndex.Tensor(tensor(new[] { 0L, -1, 0 })), TensorIndex.Tensor(tensor(new[] { -1L, 0, -1 }))) : null),
        ("index by a table", (x, _) => x.ndim < 5 ? x.index(TensorIndex.Tensor(tensor(new[,] { { 0L, -1 }, { 0, 0 } }))) : null),
        ("index by a mask", (x, _) => x.index(TensorIndex.Tensor(arange(x.shape[0]) >= x.shape[0] / 2))),
        ("gather", (x, r) => x.gather(Axis(x, r, out int a), full([.. x.shape.Select((n, d) => d == a ? 3 : n)], x.shape[a] - 1, int64))),
        ("take_along_dim", (x, r) => x.take_along_dim(x.argsort(Axis(x, r, out int a)), a)),
        ("take_along_dim of all", (x, _) => x.contiguous().take_along_dim(tensor(new[] { 0L, x.numel() - 1, 0 }))),
        ("take", (x, _) => x.take(tensor(new[,] { { 0L, -1 }, { 0, 0 } }))),
        ("masked_select", (x, _) => x.masked_select(x >= x.median())),
        ("repeat_interleave", (x, r) => x.repeat_interleave(2, Axis(x, r, out _))),
        ("repeat_interleave by counts", (x, r) => x.repeat_interleave(arange(x.shape[Axis(x, r, out int a)]) + 1, a)),
        ("repeat_interleave of all", (x, _) => x.repeat_interleave(3)),
        ("topk", (x, r) => x.topk(1 + r.Next((int)x.shape[Axis(x, r, out int a)]), a).values),
        ("sort", (x, r) => x.sort(Axis(x, r, out _), descending: true).Values),
        ("stable sort", (x, r) => x.sort(Axis(x, r, out _), descending: false, stable: true).Values),
        ("contiguous", (x, _) => x.contiguous()),
        ("diagonal", (x, r) => x.ndim > 1 && x.shape[0] > 2 && x.shape[^1] > 2 ? x.diagonal(r.Next(-2, 3), -1, 0) : null),
        ("windows", (x, r) => x.ndim < 5 ? x.unfold(Axis(x, r, out int a), 1 + r.Next((int)x.shape[a]), r.Next(1, 3)) : null),
        ("pixel shuffle", (x, _) => F.pixel_shuffle(x.repeat([4, .. Enumerable.Repeat(1L, (int)x.ndim - 1)]).unsqueeze(-1).unsqueeze(-1).flatten(0, -3), 2)),
        ("pixel unshuffle", (x, _) => F.pixel_unshuffle(stack([x.flatten(), x.flatten()], 1).repeat(2, 1).unsqueeze(0), 2)),
        ("channel shuffle", (x, _) => x.ndim < 5 ? nn.ChannelShuffle(2).call(cat([x, x], 0).unsqueeze(0).unsqueeze(-1)) : null),
        ("rot90", (x, r) => x.ndim > 1 ? x.rot90(r.Next(-1, 3), (0, (int)x.ndim - 1)) : null),
        ("fliplr", (x, _) => x.ndim > 1 ? x.fliplr() : null),
        ("flipud", (x, _) => x.flipud()),
        ("hstack", (x, _) => hstack([x, x])),
        ("vstack", (x, _) => vstack([x, x])),
        ("dstack", (x, _) => dstack([x, x])),
        ("column_stack", (x, _) => column_stack([x, x])),
        ("roll of all", (x, r) => x.roll(r.Next(-3, 4))),
        ("triangle", (x, r) => x.ndim > 1 ? x.triu(r.Next(-2, 3)) : null),
        ("lower triangle", (x, r) => x.ndim > 1 ? x.tril(r.Next(-2, 3)) : null),
        ("patches", (x, r) => x.ndim == 4 ? F.unfold(x, (2, 2), (r.Next(1, 3), r.Next(1, 3)), (1, 1), (r.Next(1, 3), r.Next(1, 3))) : null),
        ("scatter", (x, r) => x.scatter(Axis(x, r, out int a), zeros_like(x.narrow(a, 0, 1)).to(int64), x.narrow(a, x.shape[a] - 1, 1))),
        ("scatter into ones", (x, r) => ones([.. x.shape.Select((n, d) => d == 0 ? n + 2 : n)]).to(x.dtype).scatter(0, zeros_like(x).to(int64) + arange(x.shape[0]).reshape([-1, .. Enumerable.Repeat(1L, (int)x.ndim - 1)]), x)),
        ("scatter of a number", (x, r) => (Tensor)Script.invoke("overwrite", x, (long)Axis(x, r, out int a), zeros_like(x.narrow(a, 0, 1)).to(int64))),
        ("index_copy", (x, r) => x.index_copy(Axis(x, r, out int a), tensor(new[] { x.shape[a] - 1 }), x.narrow(a, 0, 1))),
        ("index_fill", (x, r) => x.index_fill(Axis(x, r, out _), tensor(new[] { 0L }), 2)),
        ("index_put", (x, _) => (x * 1).index_put_(x.select(0, 0), [TensorIndex.Tensor(tensor(new[] { x.shape[0] - 1 }))])),
        ("masked_scatter", (x, _) => x.masked_scatter(x >= x.median(), x.flip(0).contiguous())),
        ("select_scatter", (x, r) => x.ndim > 1 ? x.select_scatter(x.select(Axis(x, r, out int a), 0), a, x.shape[a] - 1) : null),
        ("slice_scatter", (x, r) => x.slice_scatter(x.narrow(Axis(x, r, out int a), 0, 1), a, x.shape[a] - 1, x.shape[a])),
        ("copy over", (x, _) => (x * 2).copy_(x.flip(0))),
        ("copy of a row over all", (x, _) => (x * 2).copy_(x.narrow(0, 0, 1))),
        ("diag_embed", (x, r) => x.ndim < 4 ? x.diag_embed(r.Next(-1, 2)) : null),
        ("diag", (x, r) => x.ndim == 1 ? x.diag(r.Next(-1, 2)) : null),
        ("maximum", (x, r) => maximum(x, x.flip(Axis(x, r, out _)))),
        ("minimum", (x, r) => minimum(x, x.flip(Axis(x, r, out _)))),
        ("maximum with one row", (x, _) => maximum(x, x.narrow(0, 0, 1))),
        ("min along an axis", (x, r) => x.min(Axis(x, r, out _), keepdim: true).values),
        ("amin", (x, r) => x.amin([Axis(x, r, out _)], keepdim: r.Next(2) == 0)),
        ("cummax", (x, r) => x.cummax(Axis(x, r, out _)).values),
        ("cummin", (x, r) => x.cummin(Axis(x, r, out _)).values),
        ("kthvalue", (x, r) => x.kthvalue(1, Axis(x, r, out _), keepdim: r.Next(2) == 0).values),
        ("meshgrid", (x, _) => meshgrid([x.flatten(), x.flatten()])[1]),
        ("hsplit", (x, _) => x.ndim > 1 && x.shape[1] % 2 == 0 ? x.hsplit(2)[1] : null),
        ("ravel", (x, _) => x.ravel()),
    ];

    private static IEnumerable<string> Names => Steps.Select(s => s.Name);

    private static IEnumerable<string> Devices => TestDevices.All;

    [TestCaseSource(nameof(Names))]
    public void OneStepMovesRelevanceAsAGradient(string name)
    {
        Step step = Steps.Single(s => s.Name == name).Run;
        for (int seed = 0; seed < 6; seed++)
        {
            Random r = new(seed);
            long[] shape = [.. Enumerable.Range(0, r.Next(1, 5)).Select(_ => (long)r.Next(1, 5))];
            Compare(shape, [(step, seed)], name, "cpu");
        }
    }

    [TestCaseSource(nameof(Devices))]
    public void ChainsMoveRelevanceAsAGradient(string device) => Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), seed =>
    {
        Random r = new(seed);
        (Step Run, int Seed)[] chain = [.. Enumerable.Range(0, r.Next(2, 8)).Select(_ => (Steps[r.Next(Steps.Length)].Run, r.Next()))];
        Compare([r.Next(1, 4), r.Next(1, 5), r.Next(1, 4)], chain, $"seed {seed}", device);
    }).Check(Seeded.Cases(60));

    // Each step draws its attributes from a generator of its own, so that both runs take the same ones.
    private static Tensor Run(Tensor x, (Step Run, int Seed)[] chain)
    {
        foreach ((Step step, int seed) in chain)
            x = step(x, new Random(seed)) is { } next && next.numel() is > 0 and < 5000 ? next : x;
        return x.ndim == 0 ? x.reshape(1) : x.clone();
    }

    private static void Compare(long[] shape, (Step, int)[] chain, string what, string device)
    {
        using var scope = NewDisposeScope();
        Tensor input = rand(shape);
        Tensor leaf = input.to(float64).requires_grad_();
        Tensor output = Run(leaf, chain);
        Tensor seed = rand(output.shape);
        Tensor expected = autograd.grad([output], [leaf], [seed.to(float64)])[0];
        using Explanation e = Explaining.Explain(x => Run(x, chain), input, Target.Custom(seed.Floats()), device: device);
        Explaining.AssertSame(e.Input, expected, 1e-6, what);
        Explaining.AssertConserved(e, what);
    }

    private static int Axis(Tensor x, Random r, out int axis) => axis = r.Next((int)x.ndim);

    private static long[] Order(Tensor x, Random r)
    {
        long[] axes = [.. Enumerable.Range(0, (int)x.ndim).Select(a => (long)a)];
        r.Shuffle(axes);
        return axes;
    }

    private static Tensor Swapped(Tensor[] parts, int axis) => cat([.. parts.Reverse()], axis);
}
