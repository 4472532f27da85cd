using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Lrp;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>Layer normalisation whose deviation is a constant: without epsilon, gradient x input.</summary>
public sealed class LrpNormalisationTests
{
    private static readonly BacktracerOptions Options = new() { Rules = RuleSet.LrpEpsilon(0).With(new LrpLayerNormalisationRule(0)) };

    private static IEnumerable<string> Devices => TestDevices.All;

    [Test]
    public void IsGradientTimesInputWithAConstantDeviation([Values] bool hasWeights, [Values(3, 17, 150)] int width, [ValueSource(nameof(Devices))] string device)
    {
        using var scope = NewDisposeScope();
        (Tensor x, Tensor weight, Tensor bias, Tensor head) = Draw(width);
        Tensor Normalised(Tensor t) => hasWeights ? F.layer_norm(t, [width], weight, bias) : F.layer_norm(t, [width]);
        Tensor Linear(Tensor t)
        {
            Tensor plain = (t - t.mean([-1], keepdim: true)) / (t.var([-1], unbiased: false, keepdim: true) + 1e-5).sqrt().detach();
            return hasWeights ? plain * weight + bias : plain;
        }

        using Explanation e = Explaining.Explain(t => F.linear(Normalised(t), head), x, Start(F.linear(Normalised(x), head)), Options, device);
        Tensor input = x.clone().requires_grad_();
        Tensor score = F.linear(Linear(input), head).select(2, 1).select(1, 0).sum();
        Tensor expected = (autograd.grad([score], [input])[0] * input).detach();
        Explaining.AssertSame(e.Input, expected, 2e-4);
        double ofBias = hasWeights ? (head[1] * bias).sum().item<float>() * x.shape[0] : 0;
        Assert.That(e.Ledger.Bias.Sum(), Is.EqualTo(ofBias).Within(1e-3));
    }

    [Test]
    public void AnIdentityIsSomethingElse()
    {
        using var scope = NewDisposeScope();
        (Tensor x, Tensor weight, Tensor bias, Tensor head) = Draw(17);
        Tensor Forward(Tensor t) => F.linear(F.layer_norm(t, [17], weight, bias), head);
        Target start = Start(Forward(x));
        using Explanation proper = Explaining.Explain(Forward, x, start, Options), passing = Explaining.Explain(Forward, x, start, Options with { Rules = RuleSet.LrpEpsilon(0) });
        Assert.That(Deviation.Of(passing.Input.Floats(), proper.Input.Floats()), Is.GreaterThan(0.05));
    }

    [Test]
    public void BacktraceStillPassesRelevance()
    {
        using var scope = NewDisposeScope();
        Tensor x = randn(2, 5);
        using Explanation e = Explaining.Explain(t => F.layer_norm(t, [5]), x, Target.Custom([1, 2, 3, 4, 5]));
        Assert.That(e.Input.Floats(), Is.EqualTo(new float[] { 1, 2, 3, 4, 5, 1, 2, 3, 4, 5 }));
    }

    // The first row's second score of each sample, with its value.
    private static Target Start(Tensor scores)
    {
        Tensor chosen = zeros_like(scores);
        chosen[TensorIndex.Colon, 0, 1] = scores[TensorIndex.Colon, 0, 1];
        return Target.Custom(chosen.Floats());
    }

    private static (Tensor X, Tensor Weight, Tensor Bias, Tensor Head) Draw(int width)
    {
        Generator generator = new Generator().manual_seed(3);
        Tensor head = randn(2, width, generator: generator);
        return (randn(2, 3, width, generator: generator) + 0.5, randn(width, generator: generator), randn(width, generator: generator), head);
    }
}
