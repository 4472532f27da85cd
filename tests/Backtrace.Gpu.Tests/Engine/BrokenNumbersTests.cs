using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>NaN and infinity in weights, statistics and activations end in an exception that says where they begin.</summary>
public sealed class BrokenNumbersTests
{
    private static readonly Dictionary<string, Func<Tensor, Tensor>> Overflowing = new()
    {
        ["Linear"] = x => nn.functional.linear(x, tensor(new float[] { 1, 1, 1, 1, -1, -0.5f }).reshape(2, 3)).tanh(),
        ["Sub"] = x => x - x * 0.9f,
        ["Sum"] = x => x.sum(1, true),
        ["AvgPool1d"] = x => nn.functional.avg_pool1d(x.unsqueeze(1), 3).flatten(1),
        ["Conv1d"] = x => nn.functional.conv1d(x.unsqueeze(1), ones(1, 1, 3)).flatten(1),
        ["MatMul"] = x => x.unsqueeze(1).matmul(x.unsqueeze(2) * 1e-3f).tanh().flatten(1),
        ["exp"] = x => (x * 1e-36f).exp().tanh() + x.tanh() * (x * 1e-36f).exp(),
        ["log"] = x => nn.functional.linear((x * 0).log(), ones(2, 3)),
    };

    private static IEnumerable<string> OverflowingNames => Overflowing.Keys;

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void BrokenWeightsAreNamed(float value)
    {
        using Sequential model = SmallModel.Create();
        using (no_grad())
            model.get_parameter("second.weight")!.view(-1)[3] = value;
        Assert.That(() => new Backtracer(model, TestDevices.Get("cpu")), Throws.TypeOf<InvalidModelException>().With.Message.Contains("second.weight"));
    }

    [Test]
    public void BrokenStatisticsAreNamedAfterRefresh()
    {
        using Sequential model = Sequential(("norm", BatchNorm1d(4)), ("fc", Linear(4, 2)));
        model.eval();
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        model.get_buffer("norm.running_var")!.fill_(float.NegativeInfinity);
        Assert.That(backtracer.Refresh, Throws.TypeOf<InvalidModelException>().With.Message.Contains("norm.running_var"));
    }

    [Test]
    public void AFillOfInfinityBeforeASumIsNamed()
    {
        using Tensor x = randn(2, 4), hidden = ones(2, 4).triu(1).to(@bool);
        Assert.That(
            () => Explaining.Explain(t => (t.masked_fill(hidden, float.NegativeInfinity) + t * 2).softmax(-1), x, Target.Argmax()),
            Throws.TypeOf<InvalidModelException>().With.Message.Contains("They begin at MaskedFill").And.Message.Contains("finite number"));
    }

    [TestCase(1e300, 1, "the model's input")]
    [TestCase(1e300, 1e-300, "the model's input")]
    [TestCase(1e30, 1e30, "first (Linear)")]
    public void WhatOnlyFloat64HoldsIsNamedWhereItBegins(double input, double weight, string named)
    {
        using Sequential model = Sequential(("first", Linear(4, 4)), ("second", Linear(4, 2)));
        model.to(float64);
        using (no_grad())
            model.get_parameter("first.weight")!.fill_(weight);
        using Tensor x = full(2, 4, input, dtype: float64);
        Assert.That(
            () => Explaining.Explain(model, x, Target.Argmax()),
            Throws.TypeOf<InvalidModelException>().With.Message.Contains("They begin at " + named).And.Message.Contains("fp32"));
    }

    [TestCaseSource(nameof(OverflowingNames))]
    public void ALayerThatLeavesTheRangeIsNamed(string layer)
    {
        using var scope = NewDisposeScope();
        Tensor input = tensor(new float[] { 3e38f, -3e38f, 1e38f }).reshape(1, 3);
        Assert.That(
            () => Explaining.Explain(Overflowing[layer], input, Target.Argmax()),
            Throws.TypeOf<InvalidModelException>().With.Message.Contains(layer).And.Message.Contains("range of fp32").And.Message.Contains("Scale the model's input"));
    }

    [Test]
    public void ClassesThatAreExcludedByInfinityAreNoError()
    {
        using var scope = NewDisposeScope();
        Tensor input = tensor(new float[] { 1, 2, 3 }).reshape(1, 3);
        using Explanation e = Explaining.Explain(x => x.masked_fill(tensor(new[] { false, false, true }), float.NegativeInfinity), input, Target.Argmax());
        Assert.That(e.Input.Floats(), Is.EqualTo(new float[] { 0, 1, 0 }));
    }

    // The first query is 0: nothing contributes to its scores, so their half is dropped.
    [TestCase(float.NegativeInfinity)]
    [TestCase(float.MinValue)]
    public void TheMaskOfAnAttentionIsNoFactor(float hidden)
    {
        using var scope = NewDisposeScope();
        Tensor input = tensor(new float[] { 0, 0, 1, 2 }).reshape(1, 1, 2, 2), mask = tensor(new float[] { 0, 0, 0, hidden }).reshape(1, 1, 2, 2);
        using Explanation e = Explaining.Explain(x => nn.functional.scaled_dot_product_attention(x, x, x, mask).flatten(1), input, Target.Custom([1, 0, 0, 0]));
        Assert.That(e.Ledger.Dropped, Is.EqualTo(new float[] { 0.5f }));
        Assert.That(e.Input.Floats(), Is.EqualTo(new float[] { 0, 0, 0.5f, 0 }));
    }

    [Test]
    public void WeightsWithoutValuesAreNamed()
    {
        using Sequential model = Sequential(("first", Linear(4, 6, device: META)));
        Assert.That(() => new Backtracer(model, TestDevices.Get("cpu")), Throws.TypeOf<InvalidModelException>().With.Message.Contains("first.weight").And.Message.Contains("meta"));
        Assert.That(() => new Backtracer(null!), Throws.TypeOf<ArgumentNullException>());
    }

    [Test]
    public void WeightsThatBrokeLaterAreNamed()
    {
        using Sequential model = SmallModel.Create();
        using Tensor input = ones(2, 4);
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using (no_grad())
            model.get_parameter("first.weight")!.fill_(float.NaN);
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("whose first.weight").And.Message.Contains("intact"));
    }
}
