using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Golden;

/// <summary>Computes the operators of the golden cases with functional calls of TorchSharp, as a user's <c>forward</c> would.</summary>
internal static class FixtureOperators
{
    /// <summary>Finds a parameter by its role.</summary>
    internal delegate Tensor? Parameters(string role);

    private delegate Tensor[] Operator(Tensor[] x, Parameters p, FixtureAttributes a);

    private static readonly Dictionary<string, (string Label, Operator Run)> Table = new()
    {
        ["linear"] = ("Linear", One((x, p, _) => F.linear(x, p("weight")!, p("bias")))),
        ["conv1d"] = ("Conv1d", One((x, p, a) => F.conv1d(Padded(x, a, 1), p("weight")!, p("bias"), a.List("stride", 1, 1)[0], Padding(a, 1)[0], a.List("dilation", 1, 1)[0], a.Integer("groups", 1)))),
        ["conv2d"] = ("Conv2d", One((x, p, a) => F.conv2d(Padded(x, a, 2), p("weight")!, p("bias"), a.List("stride", 2, 1), Padding(a, 2), a.List("dilation", 2, 1), a.Integer("groups", 1)))),
        ["conv3d"] = ("Conv3d", One((x, p, a) => F.conv3d(Padded(x, a, 3), p("weight")!, p("bias"), a.List("stride", 3, 1), Padding(a, 3), a.List("dilation", 3, 1), a.Integer("groups", 1)))),
        ["convtranspose1d"] = ("ConvTranspose1d", One((x, p, a) => F.conv_transpose1d(x, p("weight")!, p("bias"), a.List("stride", 1, 1)[0], a.List("padding", 1)[0], a.List("output_padding", 1)[0], a.List("dilation", 1, 1)[0], a.Integer("groups", 1)))),
        ["convtranspose2d"] = ("ConvTranspose2d", One((x, p, a) => F.conv_transpose2d(x, p("weight")!, p("bias"), a.List("stride", 2, 1), a.List("padding", 2), a.List("output_padding", 2), a.List("dilation", 2, 1), a.Integer("groups", 1)))),
        ["maxpool1d"] = ("MaxPool1d", One((x, _, a) => F.max_pool1d(x, a.List("kernel", 1)[0], Stride(a, 1)[0], a.List("padding", 1)[0], a.List("dilation", 1, 1)[0], a.Flag("ceil_mode")))),
        ["maxpool2d"] = ("MaxPool2d", One((x, _, a) => F.max_pool2d(x, a.List("kernel", 2), Stride(a, 2), a.List("padding", 2), a.List("dilation", 2, 1), a.Flag("ceil_mode")))),
        ["avgpool1d"] = ("AvgPool1d", One((x, _, a) => F.avg_pool1d(x, a.List("kernel", 1)[0], Stride(a, 1)[0], a.List("padding", 1)[0], a.Flag("ceil_mode"), a.Flag("count_include_pad")))),
        ["avgpool2d"] = ("AvgPool2d", One((x, _, a) => F.avg_pool2d(x, a.List("kernel", 2), Stride(a, 2), a.List("padding", 2), a.Flag("ceil_mode"), a.Flag("count_include_pad")))),
        ["adaptive_avgpool1d"] = ("AdaptiveAvgPool1d", One((x, _, a) => F.adaptive_avg_pool1d(x, a.List("output_size", 1)[0]))),
        ["adaptive_avgpool2d"] = ("AdaptiveAvgPool2d", One((x, _, a) => F.adaptive_avg_pool2d(x, a.List("output_size", 2)))),
        ["adaptive_maxpool1d"] = ("AdaptiveMaxPool1d", One((x, _, a) => F.adaptive_max_pool1d(x, a.List("output_size", 1)[0]))),
        ["adaptive_maxpool2d"] = ("AdaptiveMaxPool2d", One((x, _, a) => F.adaptive_max_pool2d(x, a.List("output_size", 2)))),
        ["global_avgpool"] = ("Mean", One((x, _, a) => x.mean(Spatial(x), a.Flag("keepdim")))),
        ["global_maxpool"] = ("Max", One((x, _, a) => x.amax(Spatial(x), a.Flag("keepdim")))),
        ["add"] = ("Add", (x, _, _) => [x.Length == 2 ? x[0] + x[1] : stack(Broadcast(x)).sum([0L])]),
        ["sub"] = ("Sub", (x, _, _) => [x[0] - x[1]]),
        ["mul"] = ("Mul", (x, _, _) => [x[0] * x[1]]),
        ["concat"] = ("Concatenate", (x, _, a) => [cat(x, a.Integer("axis"))]),
        ["stack"] = ("Stack", (x, _, a) => [stack(x, a.Integer("axis"))]),
        ["split"] = ("Split", (x, _, a) => split(x[0], a.List("sizes"), a.Integer("axis"))),
        ["slice"] = ("Slice", One((x, _, a) => x.slice(a.Integer("axis"), a.Integer("start"), a.Integer("end", x.shape[Axis(a, x)]), a.Integer("step", 1)))),
        ["select"] = ("Select", One((x, _, a) => x.select(a.Integer("axis"), a.Integer("index")))),
        ["reshape"] = ("reshape", One((x, _, a) => x.reshape([.. a.List("shape").Select((s, i) => s == 0 ? x.shape[i] : s)]))),
        ["flatten"] = ("flatten", One((x, _, a) => x.flatten(a.Integer("start_axis", 1)))),
        ["squeeze"] = ("squeeze", One((x, _, a) => x.squeeze(a.Integer("axis")))),
        ["unsqueeze"] = ("unsqueeze", One((x, _, a) => x.unsqueeze(a.Integer("axis")))),
        ["permute"] = ("Permute", One((x, _, a) => x.permute(a.List("axes")))),
        ["expand"] = ("Expand", One((x, _, a) => x.expand([.. a.List("shape").Select((s, i) => s == 0 ? x.shape[i] : s)]))),
        ["repeat"] = ("Repeat", One((x, _, a) => x.repeat(a.List("repeats")))),
        ["pad"] = ("Pad", One((x, _, a) => F.pad(x, LastAxisFirst(a.List("pads")), PaddingModes.Constant, a.Number("value", 0)))),
        ["index_select"] = ("IndexSelect", One((x, _, a) => x.index_select(a.Integer("axis"), tensor(a.List("indices"))))),
        ["mean"] = ("Mean", One((x, _, a) => x.mean(a.List("axes"), a.Flag("keepdim")))),
        ["sum"] = ("Sum", One((x, _, a) => x.sum(a.List("axes"), a.Flag("keepdim")))),
        ["max"] = ("Max", One((x, _, a) => x.amax(a.List("axes"), a.Flag("keepdim")))),
        ["embedding"] = ("Embedding", One((x, p, _) => Embed(x, p("weight")!))),
        ["lstm"] = ("Select", (x, p, a) => [FixtureRecurrence.Run("lstm", x, p, a)]),
        ["gru"] = ("Select", (x, p, a) => [FixtureRecurrence.Run("gru", x, p, a)]),
        ["rnn"] = ("Select", (x, p, a) => [FixtureRecurrence.Run("rnn", x, p, a)]),
        ["layernorm"] = ("layer_norm", One((x, p, a) => F.layer_norm(x, [x.shape[^1]], p("weight"), p("bias"), a.Number("eps", 1e-5)))),
        ["rmsnorm"] = ("RMSNorm", One((x, p, a) => RootMeanSquare(x, p, a))),
        ["batchnorm"] = ("batch_norm", One((x, p, a) => F.batch_norm(x, p("running_mean")!, p("running_var")!, p("weight"), p("bias"), training: false, eps: a.Number("eps", 1e-5)))),
        ["groupnorm"] = ("group_norm", One((x, p, a) => F.group_norm(x, a.Integer("num_groups"), p("weight"), p("bias"), a.Number("eps", 1e-5)))),
        ["instancenorm"] = ("instance_norm", One((x, p, a) => F.instance_norm(x, null, null, p("weight"), p("bias"), eps: a.Number("eps", 1e-5)))),
        ["attention"] = ("Attention", (x, _, a) => [FixtureTransformers.Attention(x, a)]),
        ["rope"] = ("Add", One((x, _, a) => FixtureTransformers.Rotate(x, a))),
        ["swiglu"] = ("Linear", One(FixtureTransformers.GatedLayer)),
        ["relu"] = ("relu", One((x, _, _) => x.relu())),
        ["gelu"] = ("gelu", One((x, _, a) => Gelu(x, a))),
        ["moe"] = ("Sum", One(MixtureOfExpertsCase.Run)),
        ["silu"] = ("silu", One((x, _, _) => F.silu(x))),
        ["tanh"] = ("tanh", One((x, _, _) => x.tanh())),
        ["sigmoid"] = ("sigmoid", One((x, _, _) => x.sigmoid())),
        ["softmax"] = ("softmax", One((x, _, a) => F.softmax(x, a.Integer("axis", -1)))),
    };

    internal static bool Knows(string op) => op is "input" or "const" || Table.ContainsKey(op);

    /// <summary>Names that the recorder gives to the operator's nodes; the last one computes its result.</summary>
    internal static string[] Labels(string op, FixtureAttributes a) => FixtureTransformers.Labels(op, a) ?? [Table[op].Label];

    internal static Tensor[] Run(string op, Tensor[] x, Parameters p, FixtureAttributes a) => Table[op].Run(x, p, a);

    private static Operator One(Func<Tensor, Parameters, FixtureAttributes, Tensor> run) => (x, p, a) => [run(x[0], p, a)];

    private static long[] Stride(FixtureAttributes a, int axes) => a.Get("stride") is null ? a.List("kernel", axes) : a.List("stride", axes);

    // Different pads at begin and end need an operator of their own.
    private static Tensor Padded(Tensor x, FixtureAttributes a, int axes) =>
        a.Get("pads") is null ? x : F.pad(x, LastAxisFirst(a.List("pads", axes)), PaddingModes.Constant, 0);

    private static long[] Padding(FixtureAttributes a, int axes) => a.Get("pads") is null ? a.List("padding", axes) : new long[axes];

    private static long[] Spatial(Tensor x) => [.. Enumerable.Range(2, (int)x.ndim - 2).Select(d => (long)d)];

    private static int Axis(FixtureAttributes a, Tensor x) => (int)((a.Integer("axis") + x.ndim) % x.ndim);

    private static Tensor[] Broadcast(Tensor[] x)
    {
        int rank = (int)x.Max(t => t.ndim);
        long[] shape = [.. Enumerable.Range(1, rank).Reverse().Select(d => x.Where(t => t.ndim >= d).Max(t => t.shape[^d]))];
        return [.. x.Select(t => t.expand(shape))];
    }

    private static long[] LastAxisFirst(long[] pads)
    {
        int axes = pads.Length / 2;
        return [.. Enumerable.Range(0, axes).Reverse().SelectMany(d => new[] { pads[d], pads[axes + d] })];
    }

    private static Tensor Embed(Tensor ids, Tensor weight)
    {
        using var table = nn.Embedding_from_pretrained(weight);
        return table.call(ids);
    }

    private static Tensor Gelu(Tensor x, FixtureAttributes a)
    {
        using var module = nn.GELU(a.Get("approximate") == "tanh" ? TorchSharp.Modules.GELU.Approximate.tanh : TorchSharp.Modules.GELU.Approximate.none);
        return module.call(x);
    }

    // TorchSharp has no module for it: models write it out.
    private static Tensor RootMeanSquare(Tensor x, Parameters p, FixtureAttributes a)
    {
        Tensor normalised = x * (x.pow(2).mean([-1], keepdim: true) + a.Number("eps", 1e-5)).rsqrt();
        return p("weight") is { } weight ? normalised * weight : normalised;
    }
}
