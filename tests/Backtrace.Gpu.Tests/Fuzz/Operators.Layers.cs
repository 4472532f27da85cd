using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Fuzz;

// Layers with weights.
internal static partial class Operators
{
    private static Action<Sketch>[] Layers => [Dense, Dense, Product, Convolution, Convolution, Transposed, Embedding, ScaledSum];

    private static Tensor? Bias(Sketch s, long units) => s.Chance(3) ? null : s.Weight(units);

    private static Tensor? Magnitude(Tensor? bias) => bias?.to(ScalarType.Float64).abs();

    private static void Dense(Sketch s)
    {
        int v = s.Any(t => t.ndim > 0);
        if (v < 0)
            return;
        long inputs = s.Values[v].shape[^1], units = s.Next(1, 7);
        Tensor weight = s.Weight(units, inputs);
        Tensor? bias = Bias(s, units);
        Tensor size = weight.to(ScalarType.Float64).abs();
        Reference rule = References.Units(x => F.linear(x, size, Magnitude(bias)));
        bool mixes = s.Values[v].ndim == 1;
        string text = $"linear[{units}{(bias is null ? ", no bias" : "")}]";
        if (s.Chance(2))
        {
            TorchSharp.Modules.Linear module = s.Part(nn.Linear(inputs, units, bias is not null));
            module.weight.detach().copy_(weight);
            if (bias is not null)
                module.bias!.detach().copy_(bias);
            s.Add("module " + text, v, x => module.call(x), rule, isLinear: true, mixes: mixes);
        }
        else
        {
            s.Add(text, v, x => F.linear(x, weight, bias), rule, isLinear: true, mixes: mixes);
        }
    }

    // A product with a constant matrix from either side, and what adds a bias to one.
    private static void Product(Sketch s)
    {
        int v = s.Any(t => t.ndim > 1);
        if (v < 0)
            return;
        long[] shape = s.Values[v].shape;
        long units = s.Next(1, 6);
        Tensor right = s.Weight(shape[^1], units), left = s.Weight(units, shape[^2]), bias = s.Weight(units);
        (string Text, Func<Tensor, Tensor, Tensor> Run, Tensor Constant, bool Mixes) drawn = s.Next(5) switch
        {
            0 => ("x @ W", (x, w) => x.matmul(w), right, false),
            1 => ("W @ x", (x, w) => w.matmul(x), left, shape.Length == 2),
            2 => ("x @ W in place + b", (x, w) => x.matmul(w).add_(bias), right, false),
            3 => ("addmm", (x, w) => addmm(bias, x, w, 1, 1), right, false),
            _ => ("einsum", (x, w) => einsum("...i,ij->...j", x, w), right, false),
        };
        Tensor size = drawn.Constant.to(ScalarType.Float64).abs();
        Tensor added = drawn.Text.EndsWith('b') || drawn.Text == "addmm" ? bias.to(ScalarType.Float64).abs() : zeros(1, dtype: ScalarType.Float64);
        Func<Tensor, Tensor> masses = drawn.Text.StartsWith('W') ? x => size.matmul(x) : x => x.matmul(size) + added;
        s.Add($"{drawn.Text} [{Join(drawn.Constant.shape)}]", v, x => drawn.Run(x, drawn.Constant), References.Units(masses), isLinear: true, mixes: drawn.Mixes);
    }

    private static void Convolution(Sketch s)
    {
        int v = s.Any(t => t.ndim is > 2 and < 6);
        if (v < 0)
            return;
        int axes = (int)s.Values[v].ndim - 2;
        long channels = s.Values[v].shape[1], groups = s.Choose(1, 1, channels), units = groups * s.Next(1, 4);
        long[] kernel = Draw(1, 4), stride = Draw(1, 3), padding = Draw(0, 3), dilation = Draw(1, 3);
        Tensor weight = s.Weight([units, channels / groups, .. kernel]), size = weight.to(ScalarType.Float64).abs();
        Tensor? bias = Bias(s, units);
        Tensor Run(Tensor x, Tensor w, Tensor? b) => axes switch
        {
            1 => F.conv1d(x, w, b, stride[0], padding[0], dilation[0], groups),
            2 => F.conv2d(x, w, b, stride, padding, dilation, groups),
            _ => F.conv3d(x, w, b, stride, padding, dilation, groups),
        };
        s.Add(
            $"conv{axes}d[{units} of {Join(kernel)}, stride {Join(stride)}, padding {Join(padding)}, dilation {Join(dilation)}, groups {groups}{(bias is null ? ", no bias" : "")}]",
            v, x => Run(x, weight, bias), References.Units(x => Run(x, size, Magnitude(bias))), isLinear: true);

        long[] Draw(int first, int limit) => [.. Enumerable.Range(0, axes).Select(_ => (long)s.Next(first, limit))];
    }

    private static void Transposed(Sketch s)
    {
        int v = s.Any(t => t.ndim is > 2 and < 6);
        if (v < 0)
            return;
        int axes = (int)s.Values[v].ndim - 2;
        long channels = s.Values[v].shape[1], groups = s.Choose(1, 1, channels), units = s.Next(1, 4);
        long[] kernel = Draw(1, 4), stride = Draw(1, 4), padding = Draw(0, 2), dilation = Draw(1, 3), extra = [.. stride.Zip(dilation, (n, d) => (long)s.Next((int)Math.Max(n, d)))];
        for (int a = 0; a < axes; a++)
        {
            if ((s.Values[v].shape[a + 2] - 1) * stride[a] + dilation[a] * (kernel[a] - 1) + extra[a] < 2 * padding[a])
                return; // of results without entries the process dies
        }

        Tensor weight = s.Weight([channels, units, .. kernel]), size = weight.to(ScalarType.Float64).abs();
        Tensor? bias = Bias(s, units * groups);
        Tensor Run(Tensor x, Tensor w, Tensor? b) => axes switch
        {
            1 => F.conv_transpose1d(x, w, b, stride[0], padding[0], extra[0], dilation[0], groups),
            2 => F.conv_transpose2d(x, w, b, stride, padding, extra, dilation, groups),
            _ => F.conv_transpose3d(x, w, b, stride, padding, extra, dilation, groups),
        };
        s.Add(
            $"conv_transpose{axes}d[{units} of {Join(kernel)}, stride {Join(stride)}, padding {Join(padding)}, output padding {Join(extra)}, dilation {Join(dilation)}, groups {groups}]",
            v, x => Run(x, weight, bias), References.Units(x => Run(x, size, Magnitude(bias))), isLinear: true);

        long[] Draw(int first, int limit) => [.. Enumerable.Range(0, axes).Select(_ => (long)s.Next(first, limit))];
    }

    private static void Embedding(Sketch s)
    {
        int[] ids = [.. Enumerable.Range(0, s.Values.Count).Where(k => s.Values[k].dtype == int64)];
        if (ids.Length == 0)
            return;
        TorchSharp.Modules.Embedding module = s.Part(nn.Embedding(Vocabulary, s.Next(1, 6)));
        s.Add("embedding", s.Choose(ids), x => module.call(x), (x, r) => [r[0].sum([-1L])]);
    }

    // One layer that is used for two values.
    private static void ScaledSum(Sketch s)
    {
        int a = s.Any(t => t.ndim > 1);
        if (a < 0)
            return;
        int b = s.Any(t => t.ndim == s.Values[a].ndim && t.shape[^1] == s.Values[a].shape[^1] && Broadcasts(t.shape, s.Values[a].shape));
        long inputs = s.Values[a].shape[^1];
        TorchSharp.Modules.Linear module = s.Part(nn.Linear(inputs, s.Next(1, 5)));
        s.Add("layer(a) + layer(b).relu()", [a, b], x => [module.call(x[0]) + module.call(x[1]).relu()], null, isLinear: true);
    }
}
