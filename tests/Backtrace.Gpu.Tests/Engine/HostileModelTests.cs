using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Broken weights, inputs and models end in an exception that says what is wrong, and the next explanation works.</summary>
public sealed class HostileModelTests
{
    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void BrokenWeightsAreNamed(float value)
    {
        using Sequential model = Small();
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
    public void AForwardPassWithoutMemoryNamesItsLayerAndTheNextOneWorks()
    {
        const long copies = 1L << 55;
        using Net grow = new(x => x.size(0) > 1 ? x.expand(copies, x.size(0), x.size(1)).contiguous() : x);
        using Net model = new(grow.call, ("grow", grow));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using Tensor large = ones(2, 4), small = ones(1, 4);
        Assert.That(
            () => backtracer.Explain(large, Target.Argmax()),
            Throws.TypeOf<DeviceException>().With.Message.Contains("grow").And.Message.Contains("[2, 4]").And.Message.Contains("smaller batches"));
        using Explanation after = backtracer.Explain(small, Target.Argmax());
        Assert.That(backtracer.Arena.LentBytes, Is.Zero);
    }

    // What the processor's allocator says when it is refused comes with a list of libtorch's functions.
    [Test]
    public void AForwardPassWithoutMemoryNamesNoFunctionsOfLibtorch()
    {
        const long copies = 1L << 40;
        using Net model = new(x => x.expand(copies, x.size(0), x.size(1)).contiguous());
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using Tensor input = ones(2, 4);
        Assert.That(
            () => backtracer.Explain(input, Target.Argmax()),
            Throws.TypeOf<DeviceException>().With.Message.Contains("allocate").And.Message.Not.Contains("frame #").And.Message.Not.Contains("c10::"));
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

    // Some shapes are looked at by TorchSharp, before libtorch sees them.
    [Test]
    public void WhatTorchSharpRefusesNamesItsLayer()
    {
        using Sequential model = Sequential(("signal", Conv1d(3, 4, 3)), ("relu", ReLU()));
        using Tensor input = ones(2, 8);
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        Assert.That(
            () => backtracer.Explain(input, Target.Argmax()),
            Throws.TypeOf<InvalidModelException>().With.Message.StartsWith("signal ").And.Message.Contains("[2, 8]").And.Message.Contains("Conv1d"));
    }

    [Test]
    public void ATensorThatTheModelHasLostIsNamed()
    {
        using Tensor input = ones(2, 4);
        Tensor lost = ones(4);
        lost.Dispose();
        using Net adding = new(x => x + lost);
        using Net model = new(adding.call, ("adding", adding));
        Assert.That(() => Explaining.Explain(model, input, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("adding").And.Message.Contains("empty handle"));
    }

    [Test]
    public void WhatAModelThrowsItselfIsItsOwn()
    {
        using Tensor input = ones(2, 4);
        using Net model = new(_ => throw new ArgumentException("mine"));
        Assert.That(() => Explaining.Explain(model, input, Target.Argmax()), Throws.TypeOf<ArgumentException>().With.Message.EqualTo("mine"));
    }

    [Test]
    public void AForwardPassThatReturnsNullIsNamed()
    {
        using Tensor input = ones(2, 4);
        using Backtracer backtracer = new(null, _ => null!, TestDevices.Get("cpu"));
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("returned null"));
    }

    [Test]
    public void OptionsThatWouldNeverBeMetAreRefused()
    {
        Assert.That(() => new BacktracerOptions { Rules = null! }, Throws.ArgumentNullException);
        Assert.That(() => new BacktracerOptions { Modules = null! }, Throws.ArgumentNullException);
        Assert.That(() => new BacktracerOptions { Operators = null! }, Throws.ArgumentNullException);
        Assert.That(() => new BacktracerOptions { Layers = null! }, Throws.ArgumentNullException);
        Assert.That(() => new BacktracerOptions { Saturations = null! }, Throws.ArgumentNullException);
        Assert.That(() => new BacktracerOptions { LedgerTolerance = double.NaN }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new BacktracerOptions { LedgerTolerance = -1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        foreach (string name in new[] { "aten::relu", "relu_", "myops::foo_" })
            Assert.That(() => new BacktracerOptions { Operators = new Dictionary<string, Graphs.Lowering> { [name] = _ => { } } }, Throws.ArgumentException.With.Message.Contains(name));
        foreach (string name in new[] { "torchvision::roi_align", "myops::foo", "__lshift__" })
            Assert.That(() => new BacktracerOptions { Operators = new Dictionary<string, Graphs.Lowering> { [name] = _ => { } } }, Throws.Nothing, name);
    }

    [TestCase("head", "Layers", "heads")]
    [TestCase("fisrt", "a saturation test", "first")]
    [TestCase("HE", "Layers", "names: heads")]
    public void UnknownLayersOfOptionsAreNamed(string name, string said, string close)
    {
        using Sequential model = Sequential(("first", Linear(4, 4)), ("tanh", Tanh()), ("heads", Linear(4, 2)));
        using Tensor input = ones(2, 4);
        BacktracerOptions options = said == "Layers" ? new() { Layers = [name] } : new() { Saturations = new Dictionary<string, Saturation> { [name] = Saturation.None } };
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"), options);
        Assert.That(
            () => backtracer.Explain(input, Target.Argmax()),
            Throws.TypeOf<UnknownLayerException>().With.Message.Contains($"'{name}'").And.Message.Contains(said).And.Message.Contains(close));
        Assert.That(backtracer.Arena.LentBytes, Is.Zero);
    }

    [Test]
    public unsafe void WhatCannotBePreparedHoldsNothing()
    {
        using Sequential model = Small();
        Tensor weight = model.get_parameter("second.weight")!;
        int References() => *(int*)(*(nint*)weight.Handle + 8); // of the tensor's implementation
        int before = References();
        BacktracerOptions options = new() { Modules = [ModuleLowering.At("typo", _ => throw new InvalidOperationException())] };
        Assert.That(() => new Backtracer(model, options: options), Throws.TypeOf<UnknownLayerException>());
        Assert.That(References(), Is.EqualTo(before));
    }

    [TestCase(ScalarType.Float64)]
    [TestCase(ScalarType.BFloat16)]
    public void AnotherDefaultTypeChangesNothing(ScalarType type)
    {
        using Sequential model = Small();
        using Tensor input = randn(2, 4);
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using Explanation expected = backtracer.Explain(input, Target.Argmax());
        set_default_dtype(type);
        try
        {
            using Explanation actual = backtracer.Explain(input, Target.Argmax());
            Assert.That(actual.Input.dtype, Is.EqualTo(ScalarType.Float32));
            Explaining.AssertSame(actual.Input, expected.Input, 0);
        }
        finally
        {
            set_default_dtype(ScalarType.Float32);
        }
    }

    [TestCase(float.NaN)]
    [TestCase(float.NegativeInfinity)]
    public void BrokenInputsAreRefused(float value)
    {
        using Sequential model = Small();
        using Tensor input = ones(2, 4);
        input[1, 2] = value;
        using Tensor strided = input.t().contiguous().t();
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("Input 0"));
        Assert.That(() => backtracer.Explain(strided, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("Input 0"));
    }

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

    private static readonly (string Reason, Func<Tensor> Input)[] Unusable =
    [
        ("is complex", () => complex(randn(2, 4), randn(2, 4))),
        ("is sparse", () => randn(2, 4).to_sparse()),
        ("has no values", () => empty(2, 4, device: META)),
        ("was disposed", () =>
        {
            Tensor gone = ones(2, 4);
            gone.Dispose();
            return gone;
        }),
        ("is null", () => null!),
        ("boolean", () => ones(2, 4, dtype: ScalarType.Bool)),
    ];

    private static IEnumerable<string> Reasons => Unusable.Select(u => u.Reason);

    [TestCaseSource(nameof(Reasons))]
    public void InputsThatCannotBeExplainedSayWhy(string reason)
    {
        using var scope = NewDisposeScope();
        using Sequential model = Small();
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        Tensor input = Unusable.Single(u => u.Reason == reason).Input();
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains(reason));
        AssertWorks(backtracer);
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
        using Sequential model = Small();
        using Tensor input = ones(2, 4);
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using (no_grad())
            model.get_parameter("first.weight")!.fill_(float.NaN);
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("whose first.weight").And.Message.Contains("intact"));
    }

    [Test]
    public void ASampleWithoutBatchAxisIsRefused()
    {
        using Sequential model = Small();
        using Tensor sample = ones(4), scalar = tensor(3f);
        using Net doubling = new(x => x * 2);
        Assert.That(() => Explaining.Explain(model, sample, Target.Argmax()), Throws.TypeOf<TargetException>().With.Message.Contains("[3] for [4]").And.Message.Contains("unsqueeze(0)"));
        Assert.That(() => Explaining.Explain(doubling, scalar, Target.Argmax()), Throws.TypeOf<TargetException>().With.Message.StartsWith("Argmax() needs an output with a batch axis"));
    }

    [TestCase("argmax", "Int64")]
    [TestCase("gt", "Bool")]
    [TestCase("nothing", "is null")]
    public void AnswersThatAreNoScoresAreNamed(string kind, string said)
    {
        using var scope = NewDisposeScope();
        using Net model = new(x => kind switch { "argmax" => x.argmax(1), "gt" => x.gt(0), _ => null! });
        Assert.That(() => Explaining.Explain(model, ones(2, 3), Target.Argmax()), Throws.InstanceOf<Exception>().With.Message.Contains("Output 0").And.Message.Contains(said));
    }

    [Test]
    public void WhatUsersHooksChangeIsExplained()
    {
        using var scope = NewDisposeScope();
        using Sequential model = Small(), doubled = Sequential(("first", Linear(4, 6)), ("relu", ReLU()), ("second", Linear(6, 3)));
        doubled.load_state_dict(model.state_dict());
        int calls = 0;
        _ = doubled.register_forward_hook((_, _, output) =>
        {
            calls++;
            return output * 2;
        });
        Tensor input = randn(2, 4);
        using Explanation plain = Explaining.Explain(model, input, Target.Class(1)), hooked = Explaining.Explain(doubled, input, Target.Class(1));
        Assert.That(calls, Is.EqualTo(1));
        Explaining.AssertSame(hooked.Input, plain.Input, 1e-6);
        Explaining.AssertSame(hooked.Prediction, plain.Prediction * 2, 1e-6);
    }

    [Test]
    public void SharedAndReusedModulesHaveANodePerCall()
    {
        using var scope = NewDisposeScope();
        var first = Linear(4, 4);
        var second = Linear(4, 4);
        second.weight = first.weight;
        using Net model = new(x => second.call(first.call(first.call(x))), ("first", first), ("second", second));
        using Explanation e = Explaining.Explain(model, randn(2, 4), Target.Argmax());
        Assert.That(e.Ledger.Lines.Select(l => l.Node), Is.EqualTo(new[] { "second", "first#2", "first" }));
        Explaining.AssertConserved(e);
    }

    [Test]
    public void GradientsAreNeitherNeededNorMade([Values] bool isInference)
    {
        using Sequential model = Small();
        using Tensor input = randn(2, 4).requires_grad_();
        using Explanation expected = Explaining.Explain(model, input, Target.Argmax());
        using IDisposable mode = isInference ? inference_mode(true) : no_grad();
        using Explanation actual = Explaining.Explain(model, input, Target.Argmax());
        Assert.That(actual.Input.Floats(), Is.EqualTo(expected.Input.Floats()));
        Assert.That(expected.Input.requires_grad || expected.Prediction.requires_grad, Is.False);
    }

    [Test]
    public void EmptyBatchesAndNoInputsAreRefused()
    {
        using Sequential model = Small();
        using Tensor empty = zeros(0, 4);
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        Assert.That(() => backtracer.Explain(empty, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("[0, 4]"));
        Assert.That(() => backtracer.Explain([], Target.Argmax()), Throws.TypeOf<InvalidModelException>());
        Assert.That(() => backtracer.Explain([empty], []), Throws.InstanceOf<ArgumentException>());
    }

    [Test]
    public void WrongShapesNameTheLayerAndTheShapes()
    {
        using Sequential inner = Small();
        using Net model = new(x => inner.call(x.relu()), ("body", inner));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using Tensor wrong = randn(2, 5);
        Assert.That(() => backtracer.Explain(wrong, Target.Argmax()), Throws.TypeOf<InvalidModelException>()
            .With.Message.Contains("body.first").And.Message.Contains("[2, 5]").And.Message.EndsWith("cannot be multiplied (2x5 and 4x6)"));
        AssertWorks(backtracer);
    }

    [Test]
    public void AModelThatThrowsLeavesNothingBehind()
    {
        bool broken = true;
        using Sequential inner = Small();
        using Net model = new(x => broken ? throw new TimeoutException("on purpose") : inner.call(x), ("body", inner));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using Tensor input = randn(2, 4);
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<TimeoutException>());
        broken = false;
        AssertWorks(backtracer);
    }

    [Test]
    public void ANestedExplanationIsRefused()
    {
        using Sequential inner = Small();
        using Backtracer other = new(inner, TestDevices.Get("cpu"));
        using Net model = new(x => other.Explain(x, Target.Argmax()).Input, ("body", inner));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using Tensor input = randn(2, 4);
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<InvalidOperationException>().With.Message.Contains("inside a forward pass"));
        AssertWorks(other);
    }

    [Test]
    public void ModesOfTrainingComeBack()
    {
        using Sequential model = Sequential(("norm", BatchNorm1d(4)), ("frozen", BatchNorm1d(4)), ("drop", Dropout(0.5)), ("fc", Linear(4, 2)));
        model.train();
        model.children().ElementAt(1).eval();
        bool[] before = [.. model.named_modules().Select(m => m.Item2.training)];
        using Tensor input = randn(8, 4);
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using Explanation first = backtracer.Explain(input, Target.Argmax()), second = backtracer.Explain(input, Target.Argmax());
        Assert.That(first.Input.Floats(), Is.EqualTo(second.Input.Floats()), "nothing random, no statistics learned");
        Assert.That(model.training, Is.True);
        Assert.That(model.named_modules().Select(m => m.Item2.training), Is.EqualTo(before));
    }

    [Test]
    public void PartsInTrainingThatTheModelDoesNotOwnAreRefused()
    {
        using BatchNorm1d foreign = BatchNorm1d(4);
        foreign.train();
        using Tensor input = randn(8, 4);
        Assert.That(() => Explaining.Explain(foreign.call, input, Target.Argmax()), Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("training"));
    }

    [Test]
    public void NormsWithoutRunningStatisticsAreRefused()
    {
        using Sequential model = Sequential(("norm", BatchNorm1d(4, track_running_stats: false)), ("fc", Linear(4, 2)));
        using Tensor input = randn(8, 4);
        Assert.That(
            () => Explaining.Explain(model, input, Target.Argmax()),
            Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("norm").And.Message.Contains("no running statistics").And.Message.Not.Contains("eval()"));
    }

    [Test]
    public void AfterDisposalNothingCanBeRead()
    {
        using Sequential model = Small();
        using Tensor input = randn(2, 4);
        Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        Explanation e = backtracer.Explain(input, Target.Argmax());
        backtracer.Dispose();
        backtracer.Dispose();
        Assert.That(e.Input.Floats(), Has.Length.EqualTo(8), "explanations outlive their backtracer");
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<ObjectDisposedException>());
        e.Dispose();
        e.Dispose();
        Assert.That(() => e.Input, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => e["fc"], Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => e.Save("unused"), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void LayersThatWereNotKeptAreNamed()
    {
        using Sequential model = Small();
        using Tensor input = randn(2, 4);
        using Explanation e = Explaining.Explain(model, input, Target.Argmax(), new BacktracerOptions { Layers = ["first"] });
        Assert.That(() => e["second"], Throws.TypeOf<KeyNotFoundException>().With.Message.Contains("second").And.Message.Contains("first"));
    }

    private static Sequential Small() => Sequential(("first", Linear(4, 6)), ("relu", ReLU()), ("second", Linear(6, 3)));

    private static void AssertWorks(Backtracer backtracer)
    {
        using Tensor input = randn(2, 4);
        using Explanation e = backtracer.Explain(input, Target.Argmax());
        Explaining.AssertConserved(e);
        Assert.That(e.Ledger.Lines.Select(l => l.Node), Is.Unique);
    }
}
