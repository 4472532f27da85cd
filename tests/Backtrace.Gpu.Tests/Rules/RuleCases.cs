using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Recurrent;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using UpsampleMode = Backtrace.Gpu.Kernels.Rules.UpsampleMode;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>Random cases of every rule: small shapes, all attributes.</summary>
internal static class RuleCases
{
    private static readonly Dictionary<string, Func<Random, RuleCase>> Makers = new()
    {
        ["add"] = r => Add(r, isPair: false),
        ["add pair"] = r => Add(r, isPair: true),
        ["multiply"] = Multiply,
        ["product over axes"] = ProductOver,
        ["matrix product"] = MatrixProductOf,
        ["where"] = WhereOf,
        ["max pool"] = r => Pool(r, isMaximum: true),
        ["average pool"] = r => Pool(r, isMaximum: false),
        ["adaptive max pool"] = r => AdaptivePool(r, isMaximum: true),
        ["adaptive average pool"] = r => AdaptivePool(r, isMaximum: false),
        ["sum over axes"] = SumOver,
        ["max over axes"] = MaxOver,
        ["concatenate"] = Concatenate,
        ["stack"] = Stack,
        ["split"] = Split,
        ["permute"] = Permute,
        ["slice"] = Slice,
        ["flip"] = Flip,
        ["expand"] = Expand,
        ["strided view"] = AsStrided,
        ["repeat"] = Repeat,
        ["pad"] = ConstantPad,
        ["pad with copies"] = CopyPad,
        ["roll"] = Roll,
        ["index select"] = IndexSelect,
        ["gather"] = Gather,
        ["overwrite"] = OverwriteOf,
        ["upsample"] = Upsample,
        ["lstm"] = r => RecurrentCases.Layers(r, RecurrentCell.Lstm),
        ["gru"] = r => RecurrentCases.Layers(r, RecurrentCell.Gru),
        ["tanh rnn"] = r => RecurrentCases.Layers(r, RecurrentCell.Tanh),
        ["relu rnn"] = r => RecurrentCases.Layers(r, RecurrentCell.Relu),
        ["transposed convolution"] = TransposedConvolution,
    };

    internal static IEnumerable<string> Names => Makers.Keys;

    internal static RuleCase Make(string name, Random random) => Makers[name](random);

    private static RuleCase Of(Operation operation, Oracle oracle, Func<Tensor, Tensor> forward, long[] shape) =>
        new(operation, oracle, x => [forward(x[0])], shape);

    private static long[] Shape(Random r, int rank) => [.. Enumerable.Range(0, rank).Select(_ => (long)r.Next(1, 6))];

    private static int[] Axes(Random r, int rank) => [.. Enumerable.Range(0, rank).Where(_ => r.Next(2) == 0)];

    private static RuleCase Add(Random r, bool isPair)
    {
        long[] shape = Shape(r, r.Next(1, 5));
        long[] Operand() => isPair || r.Next(3) == 0 ? shape : [.. shape.Skip(r.Next(shape.Length)).Select(n => r.Next(2) == 0 ? 1 : n)];
        Addend[] addends = [.. Enumerable.Range(0, isPair ? 2 : r.Next(1, 5)).Select(k => isPair ? new Addend(r.Next(2) * 2 - 1) : new Addend((r.Next(5) - 2) * 0.5f))];
        float constant = isPair || r.Next(2) == 0 ? 0 : r.NextSingle();
        return new(
            new Add(addends, constant), Oracle.Proportional,
            x => [x.Select((t, k) => t * Math.Abs(addends[k].Scale)).Aggregate((a, b) => a + b).expand(shape) + Math.Abs(constant)],
            [shape, .. addends.Skip(1).Select(_ => Operand())]);
    }

    private static RuleCase Multiply(Random r)
    {
        long[] shape = Shape(r, r.Next(1, 5));
        long[] other = [.. shape.Skip(r.Next(shape.Length)).Select(n => r.Next(2) == 0 ? 1 : n)];
        int which = r.Next(3);
        bool[] dynamic = [which != 0, which != 1];
        double part = 1.0 / dynamic.Count(d => d);

        // As a sum of the operands each with its part: relevance of a product does not depend on values.
        return new(new Multiply(dynamic), Oracle.Gradient, x => [x.Where((_, k) => dynamic[k]).Aggregate(zeros(shape, float64), (s, t) => s + t * part)], shape, other);
    }

    private static RuleCase MatrixProductOf(Random r)
    {
        long rows = r.Next(1, 6), depth = r.Next(1, 6), columns = r.Next(1, 6);
        long[] leading = Shape(r, r.Next(3));
        long[] Leading() => [.. leading.Skip(r.Next(leading.Length + 1)).Select(n => r.Next(3) == 0 ? 1 : n)];
        long[] a = r.Next(6) == 0 ? [depth] : [.. Leading(), rows, depth], b = r.Next(6) == 0 ? [depth] : [.. Leading(), depth, columns];
        int which = r.Next(3);

        // The gradient of a root is half of what a share in full would be.
        Tensor Forward(Tensor[] x)
        {
            Tensor product = x[0].matmul(x[1]);
            return which == 2 ? where(product > 0, product, 1.0).sqrt() : product;
        }

        return new(new MatrixProduct(which != 0, which != 1), Oracle.Proportional, x => [Forward(x)], a, b);
    }

    private static RuleCase WhereOf(Random r)
    {
        long[] shape = Shape(r, r.Next(1, 5));
        long[] Operand() => [.. shape.Skip(r.Next(shape.Length)).Select(n => r.Next(2) == 0 ? 1 : n)];
        bool first = r.Next(3) > 0, second = !first || r.Next(2) == 0;
        return new(
            new Where(first ? 1 : -1, second ? (first ? 2 : 1) : -1), Oracle.Gradient,
            x => [where(x[0].detach().expand(shape) != 0, first ? x[1] : zeros(1, float64), second ? x[^1] : zeros(1, float64)).expand(shape)],
            [Operand(), .. first ? [Operand()] : Array.Empty<long[]>(), .. second ? [Operand()] : Array.Empty<long[]>()]);
    }

    private static RuleCase Pool(Random r, bool isMaximum)
    {
        int axes = r.Next(1, 4);
        long[] Draw(int low, int high) => [.. Enumerable.Range(0, axes).Select(_ => (long)r.Next(low, high))];
        long[] shape = [r.Next(1, 3), r.Next(1, 4), .. Draw(5, 9)];
        long[] kernel = Draw(1, 4), stride = Draw(1, 4), dilation = isMaximum ? Draw(1, 3) : Draw(1, 2);
        long[] padding = [.. kernel.Select(k => (long)r.Next((int)(k / 2) + 1))];
        bool ceil = r.Next(2) == 0;
        Tensor Forward(Tensor x) => (axes, isMaximum) switch
        {
            (1, true) => F.max_pool1d(x, kernel[0], stride[0], padding[0], dilation[0], ceil),
            (2, true) => F.max_pool2d(x, kernel, stride, padding, dilation, ceil),
            (_, true) => F.max_pool3d(x, kernel, stride, padding, dilation, ceil),
            (1, _) => F.avg_pool1d(x, kernel[0], stride[0], padding[0], ceil, false),
            (2, _) => F.avg_pool2d(x, kernel, stride, padding, ceil, false),
            _ => F.avg_pool3d(x, kernel, stride, padding, ceil, false),
        };
        long[] output = Forward(zeros(shape)).shape;
        PoolShape pool = new(shape[0] * shape[1], Spatial(shape[2..], 1), Spatial(output[2..], 1), Spatial(kernel, 1), Spatial(stride, 1), Spatial(padding, 0), Spatial(dilation, 1));
        return Of(isMaximum ? new MaxPooling(pool) : new AveragePooling(pool), isMaximum ? Oracle.Gradient : Oracle.Proportional, Forward, shape) with { IsDistinct = isMaximum };
    }

    private static RuleCase AdaptivePool(Random r, bool isMaximum)
    {
        // TorchSharp's adaptive_max_pool3d calls the one for one axis.
        int axes = r.Next(1, isMaximum ? 3 : 4);
        long[] sizes = [.. Enumerable.Range(0, axes).Select(_ => (long)r.Next(1, 8))];
        long[] output = [.. sizes.Select(n => r.Next(4) == 0 ? 1L : r.Next(1, 8))];
        long[] shape = [r.Next(1, 3), r.Next(1, 4), .. sizes];
        Tensor Forward(Tensor x) => (axes, isMaximum) switch
        {
            (1, true) => F.adaptive_max_pool1d(x, output[0]),
            (_, true) => F.adaptive_max_pool2d(x, output),
            (1, _) => F.adaptive_avg_pool1d(x, output[0]),
            (2, _) => F.adaptive_avg_pool2d(x, output),
            _ => F.adaptive_avg_pool3d(x, output),
        };
        PoolShape pool = PoolShape.Adaptive(shape[0] * shape[1], Spatial(sizes, 1), Spatial(output, 1));
        return Of(isMaximum ? new MaxPooling(pool) : new AveragePooling(pool), isMaximum ? Oracle.Gradient : Oracle.Proportional, Forward, shape) with { IsDistinct = isMaximum };
    }

    private static RuleCase SumOver(Random r)
    {
        long[] shape = r.Next(4) == 0 ? [2, 3, 40] : Shape(r, r.Next(1, 6));
        int[] axes = Axes(r, shape.Length);
        bool keep = r.Next(2) == 0, mean = r.Next(2) == 0;
        Tensor Forward(Tensor x) => axes.Length == 0 ? x.clone() : mean ? x.mean([.. axes.Select(a => (long)a)], keep) : x.sum([.. axes.Select(a => (long)a)], keep);
        return Of(new SumOverAxes(axes), Oracle.Proportional, Forward, shape);
    }

    private static RuleCase MaxOver(Random r)
    {
        long[] shape = Shape(r, r.Next(1, 6));
        int[] axes = Axes(r, shape.Length);
        bool keep = r.Next(2) == 0;
        return Of(new MaxOverAxes(axes), Oracle.Gradient, x => axes.Length == 0 ? x.clone() : x.amax([.. axes.Select(a => (long)a)], keep), shape) with { IsDistinct = true };
    }

    private static RuleCase ProductOver(Random r)
    {
        long[] shape = Shape(r, r.Next(1, 6));
        int[] axes = Axes(r, shape.Length);
        bool keep = r.Next(2) == 0;

        // The rule does not depend on values: it is the gradient of a mean.
        return Of(new ProductOverAxes(axes), Oracle.Gradient, x => axes.Length == 0 ? x.clone() : x.mean([.. axes.Select(a => (long)a)], keep), shape);
    }

    private static RuleCase Concatenate(Random r)
    {
        long[] shape = Shape(r, r.Next(1, 5));
        int axis = r.Next(-shape.Length, shape.Length);
        int at = axis < 0 ? axis + shape.Length : axis;
        long[][] inputs = [.. Enumerable.Range(0, r.Next(1, 4)).Select(_ => (long[])[.. shape[..at], r.Next(1, 5), .. shape[(at + 1)..]])];
        return new(new Concatenate(axis), Oracle.Gradient, x => [cat(x, axis)], inputs);
    }

    private static RuleCase Stack(Random r)
    {
        long[] shape = Shape(r, r.Next(1, 4));
        int axis = r.Next(shape.Length + 1);
        return new(new Stack(axis), Oracle.Gradient, x => [stack(x, axis)], [.. Enumerable.Range(0, r.Next(1, 4)).Select(_ => shape)]);
    }

    private static RuleCase Split(Random r)
    {
        long[] sizes = Shape(r, r.Next(1, 4)), shape = Shape(r, r.Next(1, 4));
        int axis = r.Next(shape.Length);
        shape[axis] = sizes.Sum();
        return new(new Split(axis), Oracle.Gradient, x => [.. x[0].split(sizes, axis)], shape);
    }

    private static RuleCase Permute(Random r)
    {
        long[] shape = Shape(r, r.Next(1, 6));
        int[] axes = [.. Enumerable.Range(0, shape.Length)];
        r.Shuffle(axes);
        return Of(StridedView.Permute(shape, axes), Oracle.Gradient, x => x.permute([.. axes.Select(a => (long)a)]), shape);
    }

    private static RuleCase Slice(Random r)
    {
        long[] shape = Shape(r, r.Next(1, 5));
        int axis = r.Next(shape.Length);
        long start = r.Next((int)shape[axis]), end = r.Next((int)start + 1, (int)shape[axis] + 1), step = r.Next(1, 4);
        return Of(StridedView.Slice(shape, axis, start, step, (end - start + step - 1) / step), Oracle.Gradient, x => x.slice(axis, start, end, step), shape);
    }

    private static RuleCase Flip(Random r)
    {
        long[] shape = Shape(r, r.Next(1, 5));
        int[] axes = Axes(r, shape.Length);
        return Of(StridedView.Flip(shape, axes), Oracle.Gradient, x => x.flip([.. axes.Select(a => (long)a)]), shape);
    }

    private static RuleCase Expand(Random r)
    {
        long[] shape = [.. Shape(r, r.Next(1, 5)).Select(n => r.Next(2) == 0 ? 1 : n)];
        long[] target = [.. Shape(r, r.Next(2)), .. shape.Select(n => n == 1 ? r.Next(1, 5) : n)];
        return Of(StridedView.Expand(shape, target), Oracle.Gradient, x => x.expand(target), shape);
    }

    // Any strides: overlapping windows too.
    private static RuleCase AsStrided(Random r)
    {
        long[] sizes = Shape(r, r.Next(1, 4)), strides = [.. sizes.Select(_ => (long)r.Next(0, 7))];
        long offset = r.Next(4);
        long length = offset + sizes.Zip(strides, (n, s) => (n - 1) * s).Sum() + 1 + r.Next(3);
        return Of(new StridedView(sizes, strides, offset), Oracle.Gradient, x => x.as_strided(sizes, strides, offset), [length]);
    }

    private static RuleCase Repeat(Random r)
    {
        long[] shape = Shape(r, r.Next(1, 4));
        long[] repeats = [.. Enumerable.Range(0, shape.Length + r.Next(2)).Select(_ => (long)r.Next(1, 4))];
        return Of(new Repeat(repeats), Oracle.Gradient, x => x.repeat(repeats), shape);
    }

    private static RuleCase ConstantPad(Random r)
    {
        long[] shape = [.. Shape(r, r.Next(1, 5)).Select(n => n + 3)];
        long[] before = [.. shape.Select(_ => (long)r.Next(-1, 3))], after = [.. shape.Select(_ => (long)r.Next(-1, 3))];
        return Of(new Pad(PadMode.Constant, before, after), Oracle.Gradient, x => F.pad(x, Pairs(before, after), PaddingModes.Constant, 0), shape);
    }

    private static RuleCase CopyPad(Random r)
    {
        int axes = r.Next(1, 3);
        long[] shape = [2, 3, .. Enumerable.Range(0, axes).Select(_ => (long)r.Next(3, 6))];
        long[] before = [0, 0, .. Enumerable.Range(0, axes).Select(_ => (long)r.Next(3))], after = [0, 0, .. Enumerable.Range(0, axes).Select(_ => (long)r.Next(3))];
        (PadMode mode, PaddingModes torchMode) = new[] { (PadMode.Reflect, PaddingModes.Reflect), (PadMode.Replicate, PaddingModes.Replicate), (PadMode.Circular, PaddingModes.Circular) }[r.Next(3)];
        return Of(new Pad(mode, before, after), Oracle.Gradient, x => F.pad(x, Pairs(before[2..], after[2..]), torchMode), shape);
    }

    // torch counts padding from the last axis.
    private static long[] Pairs(long[] before, long[] after) => [.. before.Zip(after).Reverse().SelectMany(p => (long[])[p.First, p.Second])];

    private static RuleCase Roll(Random r)
    {
        long[] shape = Shape(r, r.Next(1, 5));
        int[] axes = Axes(r, shape.Length);
        long[] shifts = [.. axes.Select(_ => (long)r.Next(-7, 8))];
        return Of(new Roll(shifts, axes), Oracle.Gradient, x => axes.Length == 0 ? x.clone() : x.roll(shifts, axes.Select(a => (long)a).ToArray()), shape);
    }

    private static RuleCase IndexSelect(Random r)
    {
        long[] shape = Shape(r, r.Next(1, 5));
        int axis = r.Next(shape.Length);
        long[] indices = [.. Enumerable.Range(0, r.Next(1, 7)).Select(_ => (long)r.Next((int)shape[axis]))];
        return Of(new IndexSelect(axis, indices), Oracle.Gradient, x => x.index_select(axis, tensor(indices)), shape);
    }

    private static RuleCase Gather(Random r)
    {
        long length = r.Next(1, 50);
        long[] indices = [.. Enumerable.Range(0, r.Next(1, 60)).Select(_ => (long)r.Next(-1, (int)length))];
        return Of(new IndexMap(indices), Oracle.Gradient, x => cat([x, zeros(1, float64)]).index_select(0, tensor([.. indices.Select(i => i < 0 ? length : i)])), [length]);
    }

    private static RuleCase OverwriteOf(Random r)
    {
        int width = r.Next(1, 4);
        int[] lengths = [.. Enumerable.Range(0, r.Next(1, 4)).Select(_ => r.Next(1, 9))];
        int[] inputs = [.. Enumerable.Range(0, r.Next(1, 20)).Select(_ => r.Next(lengths.Length))], blocks = [.. inputs.Select(k => r.Next(lengths[k]))];
        return new(
            new Overwrite(inputs, blocks, width), Oracle.Gradient,
            x => [stack([.. inputs.Select((k, j) => x[k].view(-1, width)[blocks[j]])]) + 0 * cat(x).sum()],
            [.. lengths.Select(n => new long[] { n * width })]);
    }

    private static RuleCase Upsample(Random r)
    {
        int axes = r.Next(1, 4);
        long[] sizes = [.. Enumerable.Range(0, axes).Select(_ => (long)r.Next(1, 5))];
        UpsampleMode mode = (UpsampleMode)r.Next(3);
        bool align = mode == UpsampleMode.Linear && r.Next(2) == 0;
        InterpolationMode torchMode = mode == UpsampleMode.Nearest ? InterpolationMode.Nearest
            : mode == UpsampleMode.NearestExact ? InterpolationMode.NearestExact
            : new[] { InterpolationMode.Linear, InterpolationMode.Bilinear, InterpolationMode.Trilinear }[axes - 1];
        bool? corners = mode == UpsampleMode.Linear ? align : null;
        long[] output = [.. sizes.Select(_ => (long)r.Next(1, 9))];

        // For odd factors torch's own gradient of nearest disagrees with its forward pass.
        double[] factors = [.. sizes.Select(_ => mode == UpsampleMode.Linear ? r.Next(4, 12) / 4.0 : new[] { 1, 1.5, 2, 3 }[r.Next(4)])];
        bool bySize = r.Next(2) == 0;
        Tensor Forward(Tensor x) => bySize
            ? F.interpolate(x, size: output, mode: torchMode, align_corners: corners)
            : F.interpolate(x, scale_factor: factors, mode: torchMode, align_corners: corners);
        return Of(
            new Upsample(mode, align, [.. factors.Select(f => bySize ? (double?)null : f)]), mode == UpsampleMode.Linear ? Oracle.Proportional : Oracle.Gradient, Forward, [2, 2, .. sizes]);
    }

    private static RuleCase TransposedConvolution(Random r)
    {
        int axes = r.Next(1, 4), groups = r.Next(1, 3);
        long[] Draw(int low, int high) => [.. Enumerable.Range(0, axes).Select(_ => (long)r.Next(low, high))];
        long[] shape = [r.Next(1, 3), groups * r.Next(1, 3), .. Draw(2, 5)], kernel = Draw(2, 4), stride = Draw(1, 4), dilation = Draw(1, 3), padding = Draw(0, 2);
        long[] extra = [.. stride.Select(s => (long)r.Next((int)s))];
        Values weight = Values.Of([shape[1], r.Next(1, 3), .. kernel], _ => r.NextSingle() - 0.5f);
        Tensor absolute = RuleCase.ToTensor(weight).abs();
        Tensor Forward(Tensor x) => axes switch
        {
            1 => F.conv_transpose1d(x, absolute, null, stride[0], padding[0], extra[0], groups: groups, dilation: dilation[0]),
            2 => F.conv_transpose2d(x, absolute, null, stride, padding, extra, groups: groups, dilation: dilation),
            _ => F.conv_transpose3d(x, absolute, null, stride, padding, extra, groups: groups, dilation: dilation),
        };
        long[] output = Forward(zeros(shape, float64)).shape;
        ConvolutionShape convolution = new(
            (int)shape[0], (int)output[1], (int)shape[1], groups, Spatial(output[2..], 1), Spatial(shape[2..], 1),
            Spatial(kernel, 1), Spatial(stride, 1), Spatial(padding, 0), Spatial(dilation, 1));
        return Of(new TransposedConvolution(convolution, axes), Oracle.Proportional, Forward, shape) with { Parameters = new() { ["weight"] = weight } };
    }

    private static Size3 Spatial(long[] sizes, int missing)
    {
        int At(int k) => k < 0 ? missing : (int)sizes[k];
        return new Size3(At(sizes.Length - 3), At(sizes.Length - 2), At(sizes.Length - 1));
    }
}
