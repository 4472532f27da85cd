using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Operands without entries on the path of relevance: they get nothing, and nothing fails.</summary>
public sealed class EmptyTensorTests
{
    private static readonly Tensor Weight = rand(3, 4) - 0.5f;

    private static readonly Dictionary<string, Func<Tensor, Tensor>> Models = new()
    {
        ["concatenation"] = x => cat([x, x.narrow(1, 0, 0)], 1),
        ["concatenation, empty first"] = x => cat([x.narrow(1, 2, 0), x, x.narrow(1, 1, 0)], 1),
        ["dense layer of no rows"] = x => cat([F.linear(x, Weight), F.linear(x.narrow(0, 0, 0), Weight)], 0),
        ["dense layer of no columns"] = x => cat([x, F.linear(x.narrow(1, 0, 0), Weight.narrow(1, 0, 0), Weight[TensorIndex.Colon, 0])], 1),
        ["dense layer of many rows and no columns"] = x => cat([x.repeat(20, 1), F.linear(x.narrow(1, 0, 0).repeat(20, 1), Weight.narrow(1, 0, 0), Weight[TensorIndex.Colon, 0])], 1),
        ["sum of no entries"] = x => cat([x, x.narrow(1, 0, 0).sum(1, keepdim: true)], 1),
        ["mean over rows and none"] = x => cat([x, x.narrow(0, 0, 0) + x.narrow(0, 0, 0)], 0),
        ["relu of none"] = x => cat([x, x.narrow(0, 0, 0).relu() * x.narrow(0, 0, 0)], 0),
        ["product with no columns"] = x => cat([x, x.narrow(1, 0, 0).matmul(x.narrow(1, 0, 0).transpose(0, 1))], 1),
        ["convolution of no samples"] = x => cat([x, F.conv1d(x.narrow(0, 0, 0).unsqueeze(1), Weight.unsqueeze(1).narrow(2, 0, 1)).flatten(1).narrow(1, 0, 4)], 0),
        ["pooling of no samples"] = x => cat([x, F.avg_pool1d(x.narrow(0, 0, 0).unsqueeze(1).repeat(1, 2, 1), 2).flatten(1)], 0),
        ["stack and split"] = x => cat([.. stack([x.narrow(1, 0, 0), x.narrow(1, 0, 0)]).unbind(0), x], 1),
        ["index of none"] = x => cat([x, x.index_select(0, zeros(0, dtype: int64))], 0),
        ["padding of none"] = x => cat([x, F.pad(x.narrow(1, 0, 0), [1, 1])], 1),
    };

    private static IEnumerable<string> Names => Models.Keys;

    [Test]
    public void OperandsWithoutEntriesGetNothing([ValueSource(nameof(Names))] string name, [Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(2);
        Tensor x = randn(3, 4);
        long outputs = Models[name](x).numel();
        float[] start = [.. Enumerable.Range(0, (int)outputs).Select(k => 1f + k)];
        using Explanation e = Explaining.Explain(Models[name], x, mode == Mode.Contrastive ? Target.Custom(start, start) : Target.Custom(start), new BacktracerOptions { Mode = mode });
        foreach (var stream in e.Streams)
        {
            double end = stream.Ledger.Input.Sum() + stream.Ledger.Bias.Sum() + stream.Ledger.Dropped.Sum() + stream.Ledger.Constants.Sum();
            Assert.That(stream.Input.Floats(), Has.All.Matches<float>(float.IsFinite));
            Assert.That(end, Is.EqualTo(start.Sum()).Within(1e-5 * start.Sum()));
        }
    }
}
