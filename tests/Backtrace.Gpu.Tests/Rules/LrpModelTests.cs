using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Lrp;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>LRP of trained models: what starts is found again at inputs, biases, constants and in what epsilon absorbs, though relevance is signed and may grow.</summary>
public sealed class LrpModelTests
{
    private static readonly Dictionary<string, RuleSet> Sets = new()
    {
        ["epsilon"] = RuleSet.LrpEpsilon(),
        ["epsilon plus"] = RuleSet.LrpEpsilonPlus(),
        ["epsilon gamma"] = RuleSet.LrpEpsilonGamma(),
        ["gamma"] = RuleSet.LrpGamma(),
        ["alpha beta"] = RuleSet.LrpAlphaBeta(),
        ["AttnLRP"] = RuleSet.AttnLrp(),
        ["AttnLRP gamma"] = RuleSet.AttnLrp(gamma: 0.1f),
        ["faithful"] = RuleSet.Faithful,
    };

    private static IEnumerable<string> Names => Sets.Keys;

    [Test]
    public void LedgersClose(
        [Values("mnist-mlp", "resnet20", "resnet56", "retina-unet", "bert-tiny-sst2", "lstm-sst2", "stories260k", "shakespeare-lstm")] string model, [ValueSource(nameof(Names))] string rules)
    {
        using var scope = NewDisposeScope();
        using ModelPackage package = ModelPackage.Load(model);
        using Explanation e = Explaining.Explain(package.Module, Input(model), Start(model), new BacktracerOptions { Rules = Sets[rules] });
        Assert.That(e.Input.abs().max().item<float>(), Is.Positive.And.LessThan(float.PositiveInfinity));
        double size = e.Ledger.Lines.Max(line => line.Magnitude), start = e.Ledger.Start[0];
        double end = (double)e.Ledger.Input[0] + e.Ledger.Bias[0] + e.Ledger.Dropped[0] + e.Ledger.Constants[0];
        Assert.That(end, Is.EqualTo(start).Within(1e-4 * Math.Max(size, Math.Abs(start))));
        Assert.That(size, Is.GreaterThanOrEqualTo(Math.Abs(start)));
    }

    [Test]
    public void RelevanceWithoutItsSignsIsTheMeasure()
    {
        static Ledger Losing(double magnitude) => new([new LedgerLine("a", "Linear", [1], [0.99f], [0], [0], [0]) { Magnitude = magnitude }], [1], [0.99f]);
        Assert.That(() => Losing(2000).EnsureClosed(1e-5, [1]), Throws.Nothing);
        Assert.That(() => Losing(500).EnsureClosed(1e-5, [1]), Throws.TypeOf<LedgerException>());
    }

    [Test]
    public void OnlySignedRulesMeasureIt()
    {
        using var scope = NewDisposeScope();
        Tensor weight = randn(3, 4), x = randn(1, 4);
        double Largest(RuleSet rules)
        {
            using Explanation e = Explaining.Explain(t => F.linear(t, weight), x, Target.Class(0), new BacktracerOptions { Rules = rules });
            return e.Ledger.Lines.Max(line => line.Magnitude);
        }

        Assert.That(Largest(RuleSet.Backtrace), Is.Zero);
        Assert.That(Largest(RuleSet.LrpEpsilon()), Is.GreaterThanOrEqualTo(1));
    }

    // The rule of a layer reads the output, which the activation overwrites; all others are those of Backtrace.
    [Test]
    public void ALayerMayHaveLrpAndItsOutputIsKept()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(8);
        var first = nn.Linear(4, 5);
        var second = nn.Linear(5, 2);
        Tensor x = randn(1, 4);
        using Net fresh = new(t => second.call(first.call(t).relu()), ("first", first), ("second", second));
        using Net inPlace = new(t => second.call(first.call(t).relu_()), ("first", first), ("second", second));
        BacktracerOptions options = new() { Rules = RuleSet.Backtrace.With("first", new LrpLinearRule(LrpFormula.Epsilon())) };
        using Explanation expected = Explaining.Explain(fresh, x, Target.Class(1), options), actual = Explaining.Explain(inPlace, x, Target.Class(1), options);
        using Explanation plain = Explaining.Explain(fresh, x, Target.Class(1));
        Explaining.AssertSame(actual.Input, expected.Input);
        Assert.That(expected.Input.Floats(), Has.Some.Negative);
        Assert.That(plain.Input.Floats(), Has.None.Negative);
    }

    // It is recorded as the sum of exponentials that it is, not by a softmax, for which some sets have a rule of their own.
    [Test]
    public void LogSumExpSharesByExponentials([ValueSource(nameof(Names))] string name)
    {
        using var scope = NewDisposeScope();
        using Explanation e = Explaining.Explain(x => x.logsumexp(1).reshape(1, 1), tensor(new[] { 0f, MathF.Log(3) }).view(1, 2), Target.Custom([8]), new BacktracerOptions { Rules = Sets[name] });
        Assert.That(e.Input.Floats(), Is.EqualTo(new[] { 2f, 6 }).Within(1e-4));
    }

    private static Target Start(string model) => model switch
    {
        "stories260k" or "shakespeare-lstm" => Target.NextToken() with { Scaler = null },
        "retina-unet" => Target.SegmentationClass(0) with { Scaler = null },
        _ => Target.Argmax() with { Scaler = null },
    };

    private static Tensor Input(string model)
    {
        Generator generator = new Generator().manual_seed(9);
        return model switch
        {
            "mnist-mlp" => rand(1, 784, generator: generator),
            "retina-unet" => rand(1, 1, 32, 32, generator: generator),
            "bert-tiny-sst2" or "lstm-sst2" => tensor(new long[] { 101, 1037, 2019, 2003, 1998, 102 }).view(1, 6),
            "stories260k" => tensor(new long[] { 1, 403, 407, 261, 378, 432 }).view(1, 6),
            "shakespeare-lstm" => tensor(new long[] { 3, 9, 27, 14, 5, 8, 20 }).view(1, 7),
            _ => randn(1, 3, 32, 32, generator: generator),
        };
    }
}
