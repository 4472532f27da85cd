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

/// <summary>Broken models and options end in an exception that says what is wrong, and the next explanation works.</summary>
public sealed class HostileModelTests
{
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
        using Sequential model = SmallModel.Create();
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
        using Sequential model = SmallModel.Create();
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

    [TestCase("argmax", "Int64")]
    [TestCase("gt", "Bool")]
    [TestCase("nothing", "is null")]
    [TestCase("gone", "was disposed")]
    public void AnswersThatAreNoScoresAreNamed(string kind, string said)
    {
        using var scope = NewDisposeScope();
        using Net model = new(x => kind switch { "argmax" => x.argmax(1), "gt" => x.gt(0), "gone" => Gone(x * 2), _ => null! });
        Assert.That(() => Explaining.Explain(model, ones(2, 3), Target.Argmax()), Throws.InstanceOf<Exception>().With.Message.Contains("Output 0").And.Message.Contains(said));

        static Tensor Gone(Tensor output)
        {
            output.Dispose();
            return output;
        }
    }

    [Test]
    public void WhatUsersHooksChangeIsExplained()
    {
        using var scope = NewDisposeScope();
        using Sequential model = SmallModel.Create(), doubled = Sequential(("first", Linear(4, 6)), ("relu", ReLU()), ("second", Linear(6, 3)));
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
        using Sequential model = SmallModel.Create();
        using Tensor input = randn(2, 4).requires_grad_();
        using Explanation expected = Explaining.Explain(model, input, Target.Argmax());
        using IDisposable mode = isInference ? inference_mode(true) : no_grad();
        using Explanation actual = Explaining.Explain(model, input, Target.Argmax());
        Assert.That(actual.Input.Floats(), Is.EqualTo(expected.Input.Floats()));
        Assert.That(expected.Input.requires_grad || expected.Prediction.requires_grad, Is.False);
    }

    [Test]
    public void AModelThatThrowsLeavesNothingBehind()
    {
        bool broken = true;
        using Sequential inner = SmallModel.Create();
        using Net model = new(x => broken ? throw new TimeoutException("on purpose") : inner.call(x), ("body", inner));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using Tensor input = randn(2, 4);
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<TimeoutException>());
        broken = false;
        SmallModel.AssertIsExplainedBy(backtracer);
    }

    [Test]
    public void ANestedExplanationIsRefused()
    {
        using Sequential inner = SmallModel.Create();
        using Backtracer other = new(inner, TestDevices.Get("cpu"));
        using Net model = new(x => other.Explain(x, Target.Argmax()).Input, ("body", inner));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using Tensor input = randn(2, 4);
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<InvalidOperationException>().With.Message.Contains("inside a forward pass"));
        SmallModel.AssertIsExplainedBy(other);
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
        using Sequential model = SmallModel.Create();
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
    public void ADisposedModelIsRefused()
    {
        using Tensor input = randn(2, 4);
        Sequential model = SmallModel.Create();
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        model.Dispose();
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<ObjectDisposedException>().With.Message.Contains("model was disposed"));
        Assert.That(backtracer.Refresh, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => new Backtracer(model), Throws.TypeOf<ObjectDisposedException>().With.Message.Contains("model was disposed"));
        nn.Module<Tensor, Tensor> part = nn.ReLU();
        using Net whole = new(x => part.call(x), ("part", part));
        part.Dispose();
        Assert.That(() => new Backtracer(whole), Throws.TypeOf<ObjectDisposedException>().With.Message.Contains("part was disposed"));
    }

    [Test]
    public void LayersThatWereNotKeptAreNamed()
    {
        using Sequential model = SmallModel.Create();
        using Tensor input = randn(2, 4);
        using Explanation e = Explaining.Explain(model, input, Target.Argmax(), new BacktracerOptions { Layers = ["first"] });
        Assert.That(() => e["second"], Throws.TypeOf<KeyNotFoundException>().With.Message.Contains("second").And.Message.Contains("first"));
    }
}
