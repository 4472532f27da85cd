using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Weights, biases and masks that a model computes from its input are operands like others: relevance reaches the input by them.</summary>
public sealed class DynamicWeightTests
{
    private static readonly Tensor Kernel = Numbers(4, 3, 3, 3), Transposed = Numbers(3, 4, 3, 3), Line = Numbers(4, 3, 2), Bias = Numbers(4), Scores = Numbers(2, 4, 5, 5), Volume = Numbers(4, 3, 2, 2, 2);

    // Of x [2, 3, 6, 7]: the operator, and the same by operators whose operands are plain.
    private static readonly Dictionary<string, (Func<Tensor, Tensor> Written, Func<Tensor, Tensor> Same)> Cases = new()
    {
        ["weight of conv2d"] = (
            x => F.conv2d(x, Weight(x), Bias, [2, 1], [1, 0], [1, 2]),
            x => (Weight(x).flatten(1).unsqueeze(0).matmul(F.unfold(x, (3, 3), (1, 2), (1, 0), (2, 1))).reshape(2, 4, 3, 3)) + Bias.view(-1, 1, 1)),
        ["weight of a sample of its own"] = (
            x => F.conv2d(x.reshape(1, 6, 6, 7), Weights(x), groups: 2).reshape(2, 4, 4, 5),
            x => Weights(x).reshape(2, 4, 27).matmul(F.unfold(x, (3, 3))).reshape(2, 4, 4, 5)),
        ["weight of conv1d"] = (
            x => F.conv1d(x.flatten(2), Line * x.mean([0L, 2, 3]).view(1, 3, 1), null, 3, 1),
            x => (Line * x.mean([0L, 2, 3]).view(1, 3, 1)).flatten(1).unsqueeze(0).matmul(F.unfold(x.flatten(2).unsqueeze(2), (1, 2), (1, 1), (0, 1), (1, 3)))),
        ["weight, same padding"] = (
            x => F.conv1d_padding(x.flatten(2), Line * x.mean().exp(), null, 1, TorchSharp.Padding.Same),
            x => F.conv1d(F.pad(x.flatten(2), [0L, 1]), Line * x.mean().exp())),
        ["weight, one sample without its axis"] = (
            x => F.conv2d(x[1], Weight(x)),
            x => F.conv2d(x.narrow(0, 1, 1), Weight(x)).squeeze(0)),
        ["weight on a constant picture"] = (
            x => F.conv2d(ones(1, 3, 4, 4), Weight(x)),
            x => Weight(x).sum([1L, 2, 3]).view(1, 4, 1, 1).expand(1, 4, 2, 2) * 1),
        ["bias of conv1d"] = (x => F.conv1d(x.flatten(2), Line, Bias * x.mean(), 2), x => F.conv1d(x.flatten(2), Line, null, 2) + (Bias * x.mean()).view(-1, 1)),
        ["bias of conv2d"] = (x => F.conv2d(x, Kernel, Bias * x.mean(), [2, 1], [1, 0], [1, 2]), x => F.conv2d(x, Kernel, null, [2, 1], [1, 0], [1, 2]) + (Bias * x.mean()).view(-1, 1, 1)),
        ["bias of conv3d"] = (x => F.conv3d(x.unsqueeze(2).repeat(1, 1, 2, 1, 1), Volume, Bias * x.mean()), x => F.conv3d(x.unsqueeze(2).repeat(1, 1, 2, 1, 1), Volume) + (Bias * x.mean()).view(-1, 1, 1, 1)),
        ["bias of conv_transpose1d"] = (
            x => F.conv_transpose1d(x.flatten(2), Line.transpose(0, 1), Bias * x.mean(), 2, dilation: 2),
            x => F.conv_transpose1d(x.flatten(2), Line.transpose(0, 1), null, 2, dilation: 2) + (Bias * x.mean()).view(-1, 1)),
        ["bias of conv_transpose2d"] = (
            x => F.conv_transpose2d(x, Transposed, Bias * x.mean(), [2, 1], [1, 0], [1, 0]),
            x => F.conv_transpose2d(x, Transposed, null, [2, 1], [1, 0], [1, 0]) + (Bias * x.mean()).view(-1, 1, 1)),
        ["summand of attention scores"] = (
            x => F.scaled_dot_product_attention(Heads(x), Heads(x).tanh(), Heads(x).exp(), Scores * x.mean()),
            x => (Heads(x).matmul(Heads(x).tanh().transpose(-2, -1)) / Math.Sqrt(6) + (Scores * x.mean())).softmax(-1).matmul(Heads(x).exp())),
    };

    private static IEnumerable<TestCaseData> All => from name in Cases.Keys from mode in Enum.GetValues<Mode>() select new TestCaseData(name, mode);

    [TestCaseSource(nameof(All))]
    public void RelevanceIsThatOfPlainOperands(string name, Mode mode)
    {
        using var scope = NewDisposeScope();
        Tensor x = Numbers(2, 3, 6, 7), plain = Cases[name].Same(x);
        Target target = Explaining.Seed(plain);
        BacktracerOptions options = new() { Mode = mode };
        using Explanation written = Explaining.Explain(Cases[name].Written, x, target, options), same = Explaining.Explain(Cases[name].Same, x, target, options);
        for (int stream = 0; stream < written.Streams.Count; stream++)
            Explaining.AssertSame(written.Streams[stream].Input, same.Streams[stream].Input, 1e-5, name);
        Explaining.AssertSame(written.Prediction, plain, 1e-5, name);
        if (mode == Mode.Default)
            Explaining.AssertConserved(written, name);
    }

    [Test]
    public void ABiasFromTheInputIsNoBias()
    {
        using var scope = NewDisposeScope();
        using Explanation e = Explaining.Explain(x => F.conv2d(x, Kernel, Bias * x.mean()), Numbers(2, 3, 6, 7), Target.Custom([.. Enumerable.Repeat(1f, 2 * 4 * 4 * 5)]));
        Assert.That(e.Ledger.Bias[0], Is.Zero);
        Assert.That(e.Ledger.Input[0], Is.EqualTo(e.Ledger.Start[0]).Within(1e-3));
    }

    [TestCase("conv3d", "matmul")]
    [TestCase("conv_transpose2d", "fold")]
    public void WeightsWithoutRuleAreRefusedWithAnAlternative(string name, string alternative)
    {
        using var scope = NewDisposeScope();
        Tensor x = Numbers(2, 3, 6, 7);
        Func<Tensor, Tensor> forward = name == "conv3d" ? t => F.conv3d(t.unsqueeze(2).repeat(1, 1, 2, 1, 1), Volume * t.mean()) : t => F.conv_transpose2d(t, Transposed * t.mean());
        Assert.That(
            () => Explaining.Explain(forward, x, Explaining.Seed(forward(x))),
            Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains(name).And.Message.Contains(alternative));
    }

    private static Tensor Weight(Tensor x) => Kernel * x.mean([0L, 2, 3]).view(1, 3, 1, 1);

    private static Tensor Weights(Tensor x) => (Kernel.unsqueeze(0) * x.mean([2L, 3]).view([2, 1, 3, 1, 1])).reshape(8, 3, 3, 3);

    private static Tensor Heads(Tensor x) => x.flatten(1).narrow(1, 0, 120).view(2, 4, 5, 6);

    private static Tensor Numbers(params long[] shape)
    {
        using Generator generator = new(11);
        return randn(shape, generator: generator).DetachFromDisposeScope();
    }
}
