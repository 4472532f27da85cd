using System.Globalization;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>The operation record that a golden case describes, or null for an operator that has no rule of its own here.</summary>
internal sealed class OperationOfFixture(SafeTensorsFile file, string[] inputs)
{
    private readonly long[] input = [.. file["in." + inputs[0]].Shape];
    private readonly long[] output = [.. file[file.Contains("expected.output") ? "expected.output" : "expected.output.0"].Shape];

    internal Operation? Build()
    {
        string op = file.Metadata["op"];
        return op switch
        {
            "linear" => new Linear(new LinearShape((int)(Count(input) / input[^1]), (int)input[^1], (int)output[^1])),
            "conv1d" or "conv2d" or "conv3d" => new Convolution(ConvolutionOf(input, output, Axes), Axes),
            "convtranspose1d" or "convtranspose2d" => new TransposedConvolution(ConvolutionOf(output, input, Axes), Axes),
            "maxpool1d" or "maxpool2d" => new MaxPooling(Pool()),
            "avgpool1d" or "avgpool2d" => new AveragePooling(Pool()),
            "adaptive_avgpool1d" or "adaptive_avgpool2d" or "global_avgpool" => new AveragePooling(Adaptive()),
            "adaptive_maxpool1d" or "adaptive_maxpool2d" or "global_maxpool" => new MaxPooling(Adaptive()),
            "mean" or "sum" => new SumOverAxes(Integers("axes")),
            "max" => new MaxOverAxes(Integers("axes")),
            "add" => new Add([.. inputs.Select(i => new Addend(1, IsConstant(i)))]),
            "sub" => new Add([new Addend(), new Addend(-1)]),
            "mul" => new Multiply([.. inputs.Select(i => !IsConstant(i))]),
            "attention" => AttentionOf(file["in.k"].Shape, file["in.v"].Shape),
            "concat" => new Concatenate(Integers("axis")[0]),
            "stack" => new Stack(Integers("axis")[0]),
            "split" => new Split(Integers("axis")[0]),
            "permute" => StridedView.Permute(input, Integers("axes")),
            "expand" => StridedView.Expand(input, output),
            "select" => StridedView.Slice(input, Integers("axis")[0], Integers("index")[0], 1, 1),
            "slice" => StridedView.Slice(input, Integers("axis")[0], Integers("start")[0], Integers("step")[0], output[Integers("axis")[0]]),
            "repeat" => new Repeat(Longs("repeats")),
            "pad" => new Pad(PadMode.Constant, Longs("pads")[..input.Length], Longs("pads")[input.Length..]),
            "index_select" => new IndexSelect(Integers("axis")[0], Longs("indices")),
            "embedding" => new Embedding(),
            "lstm" or "gru" or "rnn" => RecurrentFixture.Operation(file),
            "reshape" or "flatten" or "squeeze" or "unsqueeze" or "relu" or "gelu" or "silu" or "tanh" or "sigmoid" or "softmax"
                or "layernorm" or "rmsnorm" or "batchnorm" or "groupnorm" or "instancenorm" => new Identity(op),
            _ => null,
        };
    }

    private int Axes => input.Length - 2;

    private Attention AttentionOf(IReadOnlyList<long> keys, IReadOnlyList<long> values) => new(
        new AttentionShape((int)input[0], (int)input[1], (int)keys[1], (int)input[2], (int)keys[2], (int)keys[3], (int)values[3]),
        float.Parse(file.Metadata["scale"], CultureInfo.InvariantCulture),
        file.Metadata["causal"] == "true",
        inputs.Length > 3 ? AttentionMask.Additive : AttentionMask.None);

    private bool IsConstant(string name) => file.Metadata.TryGetValue("const_input", out string? constant) && constant == name;

    private ConvolutionShape ConvolutionOf(long[] from, long[] to, int axes)
    {
        IReadOnlyList<long> weight = file["param.weight"].Shape;
        int[] padding = file.Metadata.ContainsKey("pads") ? Integers("pads")[..axes] : Integers("padding");
        return new ConvolutionShape(
            (int)from[0], (int)from[1], (int)to[1], Integers("groups")[0], Spatial(from), Spatial(to),
            Size([.. weight.Skip(2).Select(k => (int)k)], 1), Size(Integers("stride"), 1), Size(padding, 0), Size(Integers("dilation"), 1));
    }

    private PoolShape Pool() => new(
        input[0] * input[1], Spatial(input), Spatial(output), Size(Integers("kernel"), 1), Size(Integers("stride"), 1), Size(Integers("padding"), 0),
        file.Metadata.ContainsKey("dilation") ? Size(Integers("dilation"), 1) : new Size3(1, 1, 1));

    private PoolShape Adaptive() => PoolShape.Adaptive(input[0] * input[1], Spatial(input), output.Length > 2 ? Spatial(output) : new Size3(1, 1, 1));

    private static Size3 Spatial(long[] shape) => Size([.. shape.Skip(2).Select(n => (int)n)], 1);

    private static Size3 Size(int[] values, int missing)
    {
        int At(int k) => k < 0 ? missing : values[k];
        return new Size3(At(values.Length - 3), At(values.Length - 2), At(values.Length - 1));
    }

    private int[] Integers(string name) => [.. Longs(name).Select(n => (int)n)];

    private long[] Longs(string name) =>
        file.Metadata.TryGetValue(name, out string? text) ? [.. text.Split(',').Select(t => long.Parse(t, CultureInfo.InvariantCulture))] : [1];

    private static long Count(long[] shape) => shape.Aggregate(1L, (a, b) => a * b);
}
