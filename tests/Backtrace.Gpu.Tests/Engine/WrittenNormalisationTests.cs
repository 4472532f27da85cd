using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Normalisations that models write out pass relevance on; what only looks like one is explained as the operators that it is.</summary>
public sealed class WrittenNormalisationTests
{
    private static readonly long[] Last = [-1];

    private static readonly Dictionary<string, Func<Tensor, Tensor>> Normalisations = new()
    {
        ["x·rsqrt(mean(pow 2) + ε)"] = x => x * (x.pow(2).mean(Last, true) + 1e-5).rsqrt(),
        ["root first"] = x => (x.pow(2).mean(Last, true) + 1e-5).rsqrt() * x,
        ["square"] = x => x * (x.square().mean(Last, true) + 1e-5).rsqrt(),
        ["x·x"] = x => x * ((x * x).mean(Last, true) + 1e-5).rsqrt(),
        ["quotient by sqrt"] = x => x / (x.pow(2).mean(Last, true) + 1e-5).sqrt(),
        ["product with 1 / sqrt"] = x => x * (1 / (x.pow(2).mean(Last, true) + 1e-5).sqrt()),
        ["powers for roots"] = x => x * (x.pow(2).mean(Last, true) + 1e-5).pow(-0.5),
        ["quotient by a power"] = x => x / (x.pow(2).mean(Last, true) + 1e-5).pow(0.5),
        ["ε outside of the root"] = x => x / (x.pow(2).mean(Last, true).sqrt() + 1e-5),
        ["no ε"] = x => x / x.pow(2).mean(Last, true).sqrt(),
        ["sum for mean"] = x => x / (x.pow(2).sum(-1, true) / 5 + 1e-5).sqrt(),
        ["axis put back later"] = x => x * (x.pow(2).mean(Last) + 1e-5).rsqrt().unsqueeze(-1),
        ["two axes"] = x => x * (x.pow(2).mean([1, 2], true) + 1e-5).rsqrt(),
        ["squares in double precision"] = x => x * (x.to(float64).pow(2).mean(Last, true) + 1e-5).rsqrt().to(float32),
        ["squares without gradients"] = x => x * (x.detach().pow(2).mean(Last, true) + 1e-5).rsqrt(),
        ["normalize"] = x => F.normalize(x, 2, 2),
        ["quotient by the norm"] = x => x / linalg.vector_norm(x, 2, Last, true),
        ["norm times 1/sqrt(n)"] = x => x / (x.norm(2, true) * 0.44721 + 1e-8),
        ["layer: std, ε outside"] = x => (x - x.mean(Last, true)) / (x.std(-1, keepdim: true) + 1e-6),
        ["layer: var"] = x => (x - x.mean(Last, true)) / (x.var(-1, unbiased: false, keepdim: true) + 1e-5).sqrt(),
        ["layer: var_mean"] = x => VarianceNormalised(x, -1),
        ["layer: var_mean, axis put back later"] = x => VarianceNormalised(x, -1, keepsAxis: false),
        ["layer: std_mean"] = x => DeviationNormalised(x),
        ["group: var_mean"] = x => VarianceNormalised(x, 1),
        ["layer: mean of squares"] = x => Centred(x, Last) * (Centred(x, Last).pow(2).mean(Last, true) + 1e-5).rsqrt(),
        ["group: two axes in the middle"] = x => Centred(x, [1]) / (Centred(x, [1]).pow(2).mean([1], true) + 1e-5).sqrt(),
    };

    // None of these hands its relevance on entry by entry.
    private static readonly Dictionary<string, Func<Tensor, Tensor>> Twins = new()
    {
        ["mean of cubes"] = x => x * (x.abs().pow(3).mean(Last, true) + 1e-5).rsqrt(),
        ["mean of x itself"] = x => x * (x.pow(1).mean(Last, true).abs() + 1e-5).rsqrt(),
        ["squares of another tensor"] = x => x * (x.tanh().pow(2).mean(Last, true) + 1e-5).rsqrt(),
        ["another tensor times the root"] = x => x.tanh() * (x.pow(2).mean(Last, true) + 1e-5).rsqrt(),
        ["product of two tensors"] = x => x * ((x * x.tanh()).mean(Last, true) + 1e-5).rsqrt(),
        ["ε that is no small number"] = x => x * (x.pow(2).mean(Last, true) + 1).rsqrt(),
        ["negative ε"] = x => x * (x.pow(2).mean(Last, true) - 1e-5).rsqrt(),
        ["ε from which the mean is taken"] = x => x * (1e-5 - x.pow(2).mean(Last, true)).abs().rsqrt(),
        ["ε outside of the reciprocal"] = x => x * ((x.pow(2).mean(Last, true)).rsqrt() + 1e-5),
        ["quotient by the reciprocal"] = x => x / (x.pow(2).mean(Last, true) + 1e-5).rsqrt(),
        ["product with the root"] = x => x * (x.pow(2).mean(Last, true) + 1e-5).sqrt(),
        ["root divided by x"] = x => (x.pow(2).mean(Last, true) + 1e-5).sqrt() / x,
        ["no root"] = x => x / (x.pow(2).mean(Last, true) + 1e-5),
        ["two roots"] = x => x / (x.pow(2).mean(Last, true) + 1e-5).sqrt().sqrt(),
        ["cube root"] = x => x / (x.pow(2).mean(Last, true) + 1e-5).pow(1.0 / 3),
        ["row means that meet columns"] = x => x * (x.pow(2).mean(Last) + 1e-5).rsqrt(),
        ["columns squared, rows divided"] = x => x * (x.transpose(1, 2).pow(2).mean(Last, true) + 1e-5).rsqrt(),
        ["mean over the samples"] = x => x * (x.pow(2).mean([0], true) + 1e-5).rsqrt(),
        ["maximum for mean"] = x => x / (x.pow(2).amax(Last, true) + 1e-5).sqrt(),
        ["norm of another power"] = x => x / x.abs().pow(3).sum(-1, true).pow(1.0 / 3),
        ["norm with a large limit"] = x => x / linalg.vector_norm(x, 2, Last, true).clamp_min(3),
        ["deviation of what is not centred"] = x => x / (x.std(-1, keepdim: true) + 1e-6),
        ["var_mean without the mean"] = x => x / (VarianceAndMean(x, -1).Variance + 1e-5).sqrt(),
        ["variance subtracted for the mean"] = x => (x - VarianceAndMean(x, -1).Variance) / (VarianceAndMean(x, -1).Variance + 1e-5).sqrt(),
        ["mean divides, not the variance"] = x => (x - VarianceAndMean(x, -1).Mean) / (VarianceAndMean(x, -1).Mean.abs() + 1e-5).sqrt(),
        ["mean of var_mean along another axis"] = x => (x - VarianceAndMean(x, 1).Mean) / (VarianceAndMean(x, -1).Variance + 1e-5).sqrt(),
        ["deviation along another axis"] = x => Centred(x, Last) / (x.std(1, keepdim: true) + 1e-6),
        ["centred by half of the mean"] = x => (x - x.mean(Last, true) / 2) / (x.std(-1, keepdim: true) + 1e-6),
        ["quotient by 2 + |x|"] = x => x / (2 + x.abs()),
        ["local response of another tensor"] = x => x / (F.avg_pool1d(x.tanh().pow(2), 3, 1, 1) + 2).pow(0.75),
        ["local response of cubes"] = x => x / (F.avg_pool1d(x.pow(3).abs(), 3, 1, 1) + 2).pow(0.75),
        ["local response, multiplied"] = x => x / (F.avg_pool1d(x.pow(2), 3, 1, 1) + 2).pow(-0.75),
    };

    private static IEnumerable<TestCaseData> Proper => from name in Normalisations.Keys from mode in Enum.GetValues<Mode>() select new TestCaseData(name, mode);

    private static IEnumerable<string> TwinNames => Twins.Keys;

    [TestCaseSource(nameof(Proper))]
    public void ANormalisationPassesRelevanceOn(string name, Mode mode)
    {
        using var scope = NewDisposeScope();
        Tensor x = Draw();
        float[] start = [.. Enumerable.Range(1, (int)x.numel()).Select(k => (float)k)], opposing = [.. start.Reverse()];
        using Explanation e = Explaining.Explain(Normalisations[name], x, Target.Custom(start, opposing), new BacktracerOptions { Mode = mode });
        Assert.That(e.Streams[0].Input.Floats(), Is.EqualTo(start));
        Assert.That(e.Streams[^1].Input.Floats(), Is.EqualTo(mode == Mode.Default ? start : opposing));
    }

    [TestCaseSource(nameof(TwinNames))]
    public void WhatIsNoneIsExplainedAsItsOperators(string name)
    {
        using var scope = NewDisposeScope();
        Tensor x = Draw();
        float[] start = [.. Enumerable.Range(1, (int)x.numel()).Select(k => (float)k)];
        using Explanation e = Explaining.Explain(Twins[name], x, Target.Custom(start));
        Assert.That(Deviation.Of(e.Input.Floats(), start), Is.GreaterThan(0.01));
        Explaining.AssertConserved(e, name);
    }

    [Test]
    public void ALayerNormalisationIsWhatTheModuleIs([Values(true, false)] bool isFaithful)
    {
        using var scope = NewDisposeScope();
        Tensor x = Draw(), weight = randn(5), bias = randn(5);
        BacktracerOptions options = new() { Rules = isFaithful ? RuleSet.Faithful : RuleSet.Backtrace };
        Tensor Written(Tensor t) => Centred(t, Last) / (t.var(-1, unbiased: false, keepdim: true) + 1e-5).sqrt();
        Target target = Explaining.Seed(x);
        using Explanation written = Explaining.Explain(Written, x, target, options), module = Explaining.Explain(t => F.layer_norm(t, [5]), x, target, options);
        Explaining.AssertSame(written.Input, module.Input, 1e-4);
        Explaining.AssertSame(written.Prediction, module.Prediction, 1e-5);
    }

    [Test]
    public void VarianceAndMeanTogetherAreWhatTheyAreApart([Values] bool isFaithful)
    {
        using var scope = NewDisposeScope();
        Tensor x = Draw();
        BacktracerOptions options = new() { Rules = isFaithful ? RuleSet.Faithful : RuleSet.Backtrace };
        Target target = Explaining.Seed(x);
        using Explanation together = Explaining.Explain(t => VarianceNormalised(t, -1), x, target, options);
        using Explanation apart = Explaining.Explain(t => Centred(t, Last) / (t.var(-1, unbiased: false, keepdim: true) + 1e-5).sqrt(), x, target, options);
        Explaining.AssertSame(together.Input, apart.Input, 1e-6);
        Explaining.AssertSame(together.Prediction, apart.Prediction, 1e-5);
    }

    private static (Tensor Variance, Tensor Mean) VarianceAndMean(Tensor x, long axis, bool keepsAxis = true)
    {
        (Tensor variance, Tensor mean) = var_mean(x, [axis], unbiased: false, keepdim: keepsAxis);
        return keepsAxis ? (variance, mean) : (variance.unsqueeze(axis), mean.unsqueeze(axis));
    }

    private static Tensor VarianceNormalised(Tensor x, long axis, bool keepsAxis = true)
    {
        (Tensor variance, Tensor mean) = VarianceAndMean(x, axis, keepsAxis);
        return (x - mean) / (variance + 1e-5).sqrt();
    }

    private static Tensor DeviationNormalised(Tensor x)
    {
        (Tensor deviation, Tensor mean) = std_mean(x, Last, unbiased: true, keepdim: true);
        return (x - mean) / (deviation + 1e-6);
    }

    private static Tensor Centred(Tensor x, long[] axes) => x - x.mean(axes, true);

    // As many rows as columns, so that what is broadcast the wrong way fits too.
    private static Tensor Draw()
    {
        using Generator generator = new(4);
        return randn([5, 5, 5], generator: generator) + 0.5;
    }
}
