using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>
/// Where samples meet, or another axis of their number comes first, their accounts close together but not each by itself: no relevance is lost there.
/// </summary>
public sealed class SampleLedgerTests
{
    private const int Samples = 3;

    private static readonly Tensor Square = Matrix(Samples, Samples);

    private static readonly Dictionary<string, Func<Tensor, Tensor>> Models = new()
    {
        ["sum onto another axis"] = x => x.unsqueeze(1).expand(Samples, Samples, 4) + x,
        ["product onto another axis"] = x => x.unsqueeze(1).expand(Samples, Samples, 4).relu() * x.exp(),
        ["sum over the samples"] = x => x.narrow(1, 0, Samples).sum([0L]),
        ["largest of the samples"] = x => x.narrow(1, 0, Samples).amax([-2L]),
        ["samples as inputs of a layer"] = x => F.linear(x.sum(1), Square),
        ["samples as channels"] = x => F.conv1d(x, Square.unsqueeze(2)),
        ["samples as channels of a transposed layer"] = x => F.conv_transpose1d(x, Square.unsqueeze(2)),
        ["samples as queries"] = x => F.scaled_dot_product_attention(x, x, x),
        ["samples as columns"] = x => x.narrow(1, 0, Samples).t() + x.narrow(1, 0, Samples),
        ["samples moved by padding"] = x => F.pad(x, [0, 0, 1, -1]) + x,
    };

    private static IEnumerable<string> Names => Models.Keys;

    [TestCaseSource(nameof(Names))]
    public void SamplesThatMeetAreNoLoss(string name)
    {
        using var scope = NewDisposeScope();
        Tensor x = Matrix(Samples, 4);
        using Explanation e = Explaining.Explain(Models[name], x, Explaining.Seed(Models[name](x)), new BacktracerOptions { LedgerPerSample = true });
        double end = e.Ledger.Input.Sum() + e.Ledger.Bias.Sum() + e.Ledger.Dropped.Sum() + e.Ledger.Constants.Sum();
        Assert.That(end, Is.EqualTo(e.Ledger.Start.Sum()).Within(1e-5 * e.Ledger.Start.Sum()));
    }

    // States are [layers, N, units]: not the first axis is the batch.
    [TestCase(Mode.Default, false)]
    [TestCase(Mode.Contrastive, false)]
    [TestCase(Mode.Default, true)]
    public void GivenStatesAreConstantsOfTheirSamples(Mode mode, bool faithful)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        TorchSharp.Modules.GRU gru = nn.GRU(4, 5, numLayers: 2, batchFirst: true, bidirectional: true);
        Tensor x = Matrix(Samples, 8).reshape(Samples, 2, 4), states = randn(4, Samples, 5) * tensor(new float[] { 1, 0, 3 }).reshape(1, Samples, 1);
        BacktracerOptions options = new() { Mode = mode, Rules = faithful ? RuleSet.Faithful : RuleSet.Backtrace, LedgerPerSample = true };
        using Explanation together = Explaining.Explain(t => gru.call(t, states).Item1.mean([1L]), x, Target.Argmax(), options);
        for (int n = 0; n < Samples; n++)
        {
            Tensor own = states.narrow(1, n, 1).contiguous();
            using Explanation alone = Explaining.Explain(t => gru.call(t, own).Item1.mean([1L]), x.narrow(0, n, 1), Target.Argmax(), options);
            foreach ((RelevanceStream all, RelevanceStream one) in together.Streams.Zip(alone.Streams))
                Assert.That(all.Ledger.Constants[n], Is.EqualTo(one.Ledger.Constants[0]).Within(1e-5), $"sample {n}");
        }
    }

    private static Tensor Matrix(long rows, long columns)
    {
        random.manual_seed(rows * columns);
        return randn(rows, columns).DetachFromDisposeScope();
    }
}
