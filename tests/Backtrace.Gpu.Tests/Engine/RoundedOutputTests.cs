using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>
/// Layers with 16-bit weights, whose recorded outputs are rounded to 16 bits. Inputs and weights are the same numbers in fp32, so that a layer's
/// explanation must be that of the fp32 layer: the rounding of its output is not to be seen.
/// </summary>
public sealed class RoundedOutputTests
{
    private static readonly Dictionary<string, (Func<nn.Module<Tensor, Tensor>> Layer, long[] Input)> Layers = new()
    {
        ["wide"] = (() => nn.Linear(96, 24), [4, 96]),
        ["wide, odd outputs"] = (() => nn.Linear(96, 13), [3, 96]),
        ["many rows"] = (() => nn.Linear(48, 40), [24, 48]),
        ["narrow"] = (() => nn.Linear(9, 16), [32, 9]),
        ["no bias"] = (() => nn.Linear(64, 16, hasBias: false), [4, 64]),
        ["few rows for many weights"] = (() => nn.Linear(256, 64), [2, 256]),
        ["convolution"] = (() => nn.Conv2d(8, 8, 3, padding: 1), [2, 8, 8, 8]),
        ["convolution of many channels"] = (() => nn.Conv2d(32, 32, 3, padding: 1), [2, 32, 8, 8]),
        ["convolution of odd planes"] = (() => nn.Conv2d(8, 6, 3), [2, 8, 7, 7]),
        ["convolution in groups"] = (() => nn.Conv1d(8, 8, 3, groups: 2), [2, 8, 20]),
        ["transposed convolution"] = (() => nn.ConvTranspose2d(8, 4, 3, stride: 2L), [2, 8, 4, 4]),
    };

    private static readonly Dictionary<string, RuleSet> SignedRules = new()
    {
        ["epsilon"] = RuleSet.LrpEpsilon(0.05f), // units near 0 would magnify the rounding of fp32 itself
        ["gamma"] = RuleSet.LrpGamma(),
        ["faithful"] = RuleSet.Faithful,
        ["V1"] = RuleSet.V1,
    };

    private static IEnumerable<string> LayerNames => Layers.Keys;

    private static IEnumerable<string> RuleNames => SignedRules.Keys;

    [Test]
    public void TheRoundingOfAnOutputIsNotSeen(
        [ValueSource(nameof(LayerNames))] string layer, [Values(ScalarType.BFloat16, ScalarType.Float16)] ScalarType type, [Values] Mode mode, [Values] bool nonNegative) =>
        AssertAsInSingle(layer, type, nonNegative, new BacktracerOptions { Mode = mode }, _ => { }, y => y);

    [Test]
    public void SaturationIsTestedOnTheValueBeforeItsRounding([ValueSource(nameof(LayerNames))] string layer, [Values("Backtrace", "V1")] string rules) =>
        AssertAsInSingle(
            layer,
            ScalarType.BFloat16,
            false,
            new BacktracerOptions { Rules = rules == "V1" ? RuleSet.V1 : RuleSet.Backtrace },
            weights => weights.mul_(6), // many units near a limit
            y => y.tanh());

    [Test]
    public void SignedRulesDivideByTheValueBeforeItsRounding([ValueSource(nameof(LayerNames))] string layer, [ValueSource(nameof(RuleNames))] string rules) =>
        AssertAsInSingle(layer, ScalarType.BFloat16, false, new BacktracerOptions { Rules = SignedRules[rules] }, _ => { }, y => y);

    // Half-precision numbers are not bf16 numbers: the values must be products of fp32 operands even where the others are not.
    [Test]
    public void OperandsInBf16DoNotRoundTheValues([ValueSource(nameof(LayerNames))] string layer, [Values] ContractionLibrary library)
    {
        if (library != ContractionLibrary.Tiled)
            AssertAsInSingle(layer, ScalarType.Float16, false, new BacktracerOptions { Rules = RuleSet.LrpEpsilon(0.05f), Precision = ContractionPrecision.BFloat16, ContractionLibrary = library }, _ => { }, y => y, 1e-2);
    }

    // Products in bf16 read such weights from the model's own memory.
    [Test]
    public void OperandsInBf16TakeWeightsAsTheyAre([ValueSource(nameof(LayerNames))] string layer, [Values] Mode mode, [Values] bool nonNegative) =>
        AssertAsInSingle(layer, ScalarType.BFloat16, nonNegative, new BacktracerOptions { Mode = mode, Precision = ContractionPrecision.BFloat16 }, _ => { }, y => y, 1e-2);

    [TestCase("batch normalisation")]
    [TestCase("softmax")]
    public void SignedRulesOfOtherOperatorsComputeTheirValuesAgain(string name)
    {
        using var scope = NewDisposeScope();
        using IDisposable noGrad = no_grad();
        random.manual_seed(3);
        TorchSharp.Modules.BatchNorm2d normalisation = nn.BatchNorm2d(4);
        normalisation.eval();
        foreach (Tensor values in (Tensor[])[normalisation.weight!, normalisation.bias!, normalisation.running_mean!])
            values.normal_();
        nn.Module<Tensor, Tensor> layer = name == "softmax" ? nn.Softmax(1) : normalisation;
        RuleSet rules = name == "softmax" ? RuleSet.AttnLrp() : RuleSet.LrpEpsilon(0.05f);
        AssertAsInSingle(layer, randn(2, 4, 5, 5).to(bfloat16), new BacktracerOptions { Rules = rules }, ScalarType.BFloat16, x => x + x, y => y);
    }

    private static void AssertAsInSingle(
        string name, ScalarType type, bool nonNegative, BacktracerOptions options, Action<Tensor> change, Func<Tensor, Tensor> after, double ledger = 1e-5)
    {
        using var scope = NewDisposeScope();
        using IDisposable noGrad = no_grad();
        random.manual_seed(11);
        (Func<nn.Module<Tensor, Tensor>> make, long[] shape) = Layers[name];
        nn.Module<Tensor, Tensor> layer = make();
        foreach (Tensor weights in layer.parameters())
            change(weights);
        AssertAsInSingle(layer, randn(shape).to(type), options, type, x => nonNegative ? x.relu() : x, after, ledger);
    }

    private static void AssertAsInSingle(
        nn.Module<Tensor, Tensor> layer, Tensor input, BacktracerOptions options, ScalarType type, Func<Tensor, Tensor> before, Func<Tensor, Tensor> after, double ledger = 1e-5)
    {
        layer.to(type);
        Tensor x = input.to(float32);
        using Explanation rounded = Explain(x.to(type));
        layer.to(float32);
        using Explanation single = Explain(x);
        foreach ((RelevanceStream actual, RelevanceStream expected) in rounded.Streams.Zip(single.Streams))
        {
            Explaining.AssertSame(actual.Input, expected.Input, 2e-5);
            double start = actual.Ledger.Start.Sum();
            Assert.That(actual.Ledger.Input.Sum() + actual.Ledger.Bias.Sum() + actual.Ledger.Dropped.Sum() + actual.Ledger.Constants.Sum(), Is.EqualTo(start).Within(ledger * start));
        }

        Explanation Explain(Tensor values)
        {
            using Backtracer backtracer = new(layer, i => [after(layer.call(before(i[0]))).to(float32)], options: options);
            long units = after(layer.call(before(values))).numel();
            Random random = new(5);
            float[] Draw() => [.. Enumerable.Range(0, (int)units).Select(_ => random.NextSingle())];
            float[] supporting = Draw(), opposing = Draw();
            return backtracer.Explain([values], options.Mode == Mode.Contrastive ? Target.Custom(supporting, opposing) : Target.Custom(supporting));
        }

    }
}
