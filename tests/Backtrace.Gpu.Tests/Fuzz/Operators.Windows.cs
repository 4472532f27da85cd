using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Fuzz;

// Pooling and interpolation.
internal static partial class Operators
{
    private static Action<Sketch>[] Windows => [Average, Maximum, Adaptive, Interpolated];

    private static void Average(Sketch s)
    {
        int v = s.Any(t => t.ndim is > 2 and < 6);
        if (v < 0)
            return;
        int axes = (int)s.Values[v].ndim - 2;
        long[] kernel = Draw(1, 4), stride = Draw(1, 4), padding = [.. kernel.Select(k => (long)s.Next((int)(k / 2) + 1))];
        bool rounds = s.Chance(2), counts = s.Chance(2);
        Tensor Run(Tensor x, bool c) => axes switch
        {
            1 => F.avg_pool1d(x, kernel[0], stride[0], padding[0], rounds, c),
            2 => F.avg_pool2d(x, kernel, stride, padding, rounds, c),
            _ => F.avg_pool3d(x, kernel, stride, padding, rounds, c),
        };
        s.Add(
            $"avg_pool{axes}d[{Join(kernel)}, stride {Join(stride)}, padding {Join(padding)}{(rounds ? ", ceil" : "")}{(counts ? ", counts padding" : "")}]",
            v, x => Run(x, counts), References.Units(x => Run(x, counts)), isLinear: true);

        long[] Draw(int first, int limit) => [.. Enumerable.Range(0, axes).Select(_ => (long)s.Next(first, limit))];
    }

    private static void Maximum(Sketch s)
    {
        int v = s.Any(t => t.ndim is > 2 and < 6);
        if (v < 0)
            return;
        int axes = (int)s.Values[v].ndim - 2;
        long[] kernel = Draw(1, 4), stride = Draw(1, 4), padding = [.. kernel.Select(k => (long)s.Next((int)(k / 2) + 1))], dilation = Draw(1, 3);
        bool rounds = s.Chance(2);
        Tensor Run(Tensor x) => axes switch
        {
            1 => F.max_pool1d(x, kernel[0], stride[0], padding[0], dilation[0], rounds),
            2 => F.max_pool2d(x, kernel, stride, padding, dilation, rounds),
            _ => F.max_pool3d(x, kernel, stride, padding, dilation, rounds),
        };
        s.Add(
            $"max_pool{axes}d[{Join(kernel)}, stride {Join(stride)}, padding {Join(padding)}, dilation {Join(dilation)}{(rounds ? ", ceil" : "")}]",
            v, Run, (x, r) => References.Copies(t => Maxima(t, r[0].shape, kernel, stride, padding, dilation))(x, r), isLinear: true);

        long[] Draw(int first, int limit) => [.. Enumerable.Range(0, axes).Select(_ => (long)s.Next(first, limit))];
    }

    // The same by windows that are cut out: their maximum shares among ties.
    private static Tensor Maxima(Tensor x, long[] result, long[] kernel, long[] stride, long[] padding, long[] dilation)
    {
        for (int a = 0; a < kernel.Length; a++)
        {
            long reach = dilation[a] * (kernel[a] - 1) + 1, length = (result[a + 2] - 1) * stride[a] + reach;
            long[] pads = [.. Enumerable.Repeat(0L, 2 * (kernel.Length - 1)), padding[a], length - padding[a] - x.shape[a + 2]];
            x = F.pad(x, pads, PaddingModes.Constant, double.NegativeInfinity).unfold(a + 2, reach, stride[a]);
            x = x.slice(-1, 0, reach, dilation[a]);
        }

        return x.amax([.. Enumerable.Range(result.Length, kernel.Length).Select(a => (long)a)]);
    }

    private static void Adaptive(Sketch s)
    {
        int v = s.Any(t => t.ndim is > 2 and < 6);
        if (v < 0)
            return;
        int axes = (int)s.Values[v].ndim - 2;
        long[] size = [.. Enumerable.Range(0, axes).Select(_ => (long)s.Next(1, 5))];
        bool maximum = s.Chance(2);
        Func<Tensor, Tensor> run = (axes, maximum) switch
        {
            (1, false) => x => F.adaptive_avg_pool1d(x, size[0]),
            (2, false) => x => F.adaptive_avg_pool2d(x, size),
            (3, false) => x => F.adaptive_avg_pool3d(x, size),
            (1, true) => x => F.adaptive_max_pool1d(x, size[0]),
            (2, true) => x => F.adaptive_max_pool2d(x, size),
            _ => x => F.adaptive_max_pool3d(x, size),
        };
        s.Add($"adaptive_{(maximum ? "max" : "avg")}_pool{axes}d[{Join(size)}]", v, run, maximum ? null : References.Units(run), isLinear: true);
    }

    private static void Interpolated(Sketch s)
    {
        int v = s.Any(t => t.ndim is > 2 and < 6);
        if (v < 0)
            return;
        int axes = (int)s.Values[v].ndim - 2;
        long[] size = [.. Enumerable.Range(0, axes).Select(_ => (long)s.Next(1, 9))];
        InterpolationMode mode = s.Chance(2) ? InterpolationMode.Nearest : axes switch { 1 => InterpolationMode.Linear, 2 => InterpolationMode.Bilinear, _ => InterpolationMode.Trilinear };
        bool? corners = mode == InterpolationMode.Nearest ? null : s.Chance(2);
        Tensor Run(Tensor x) => F.interpolate(x, size: size, mode: mode, align_corners: corners);
        s.Add($"interpolate[{Join(size)}, {mode}{(corners == true ? ", corners" : "")}]", v, Run, mode == InterpolationMode.Nearest ? References.Copies(Run) : References.Units(Run), isLinear: true);
    }
}
