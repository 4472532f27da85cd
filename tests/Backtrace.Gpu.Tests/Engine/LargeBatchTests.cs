using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Dense layers of so many rows that they are handled in slices: each sample has the relevance, and the ledger, that it has in a small batch.</summary>
public sealed class LargeBatchTests
{
    [Test]
    public void SamplesOfALargeBatchAreExplainedAsInASmallOne([Values] Mode mode, [Values] bool saturates, [Values] bool hasTokens, [Values] bool keepsLedgers)
    {
        using var scope = NewDisposeScope();
        using Generator generator = new(1);
        using Sequential layers = Sequential(
            ("first", Linear(70, 96)), ("bend", saturates ? Tanh() : ReLU()), ("second", Linear(96, 40)), ("relu", ReLU()), ("last", Linear(40, 3)));
        using (no_grad())
        {
            foreach (Parameter parameter in layers.parameters())
                parameter.copy_(randn(parameter.shape, generator: generator) * 0.4f);
        }

        Tensor input = randn(hasTokens ? [2401, 5, 70] : [12005, 70], generator: generator);
        int[] places = [0, 1, 700, 1023, 1900, (int)input.shape[0] - 1];
        Tensor Forward(Tensor x) => hasTokens ? layers.call(x).mean([1]) : layers.call(x);
        BacktracerOptions options = new() { Mode = mode, LedgerPerSample = keepsLedgers };
        Tensor picked = tensor(places.Select(place => (long)place).ToArray());
        using Explanation all = Explaining.Explain(Forward, input, Target.Argmax(), options), few = Explaining.Explain(Forward, input[picked], Target.Argmax(), options);
        foreach ((RelevanceStream actual, RelevanceStream expected) in all.Streams.Zip(few.Streams))
        {
            Explaining.AssertSame(actual.Input[picked], expected.Input, 1e-5);
            if (!keepsLedgers)
                continue;
            Assert.That(places.Select(place => actual.Ledger.Bias[place]), Is.EqualTo(expected.Ledger.Bias).Within(1e-5));
            Assert.That(places.Select(place => actual.Ledger.Input[place]), Is.EqualTo(expected.Ledger.Input).Within(1e-5));
        }
    }
}
