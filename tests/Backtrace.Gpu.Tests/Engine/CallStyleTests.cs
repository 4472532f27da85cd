using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Mode = Backtrace.Gpu.Kernels.Rules.Mode;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>The ways in which models call their parts, and how many inputs and outputs they have.</summary>
public sealed class CallStyleTests
{
    [Test]
    public void ForwardInsteadOfCallIsRecordedAndNamed()
    {
        using var scope = NewDisposeScope();
        Linear first = Linear(5, 7), second = Linear(7, 3);
        using Net forwarded = new(x => second.forward(functional.relu(first.forward(x))), ("first", first), ("head", second));
        using Net called = new(x => second.call(functional.relu(first.call(x))), ("first", first), ("head", second));
        Tensor input = randn(2, 5);
        BacktracerOptions options = new() { Layers = ["first", "head"] };
        using Explanation actual = Explaining.Explain(forwarded, input, Target.Class(1), options), expected = Explaining.Explain(called, input, Target.Class(1), options);
        Explaining.AssertSame(actual.Input, expected.Input, 0);
        Explaining.AssertSame(actual["first"], expected["first"], 0);
        Explaining.AssertSame(actual["head"], expected["head"], 0);
    }

    [Test]
    public void AnotherNumberOfInputsIsNamed()
    {
        using Linear one = Linear(4, 2);
        using Bilinear two = Bilinear(4, 4, 2);
        using Tensor a = ones(2, 4), b = ones(2, 4);
        using Backtracer ofOne = new(one, TestDevices.Get("cpu")), ofTwo = new(two, TestDevices.Get("cpu"));
        Assert.That(() => ofOne.Explain([a, b], Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("takes 1 input, but 2 were given"));
        Assert.That(() => ofTwo.Explain(a, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("takes 2 inputs, but 1 was given"));
    }

    // TorchSharp's types count the states that one may leave out, and switches.
    [Test]
    public void InputsAreNotCountedWhereSomeAreNoTensors()
    {
        using LSTM lstm = LSTM(4, 2);
        using MultiheadAttention attention = MultiheadAttention(4, 2);
        using Tensor a = ones(3, 2, 4), b = ones(3, 2, 4), c = ones(3, 2, 4);
        using Backtracer ofLstm = new(lstm, TestDevices.Get("cpu")), ofAttention = new(attention, TestDevices.Get("cpu"));
        Assert.That(() => ofLstm.Explain(a, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("cannot be called with 1 input by itself"));
        Assert.That(() => ofAttention.Explain([a, b, c], Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("cannot be called with 3 inputs by itself"));
    }

    [Test]
    public void WhatOtherThreadsRunNamesNothing()
    {
        using var scope = NewDisposeScope();
        using ManualResetEventSlim entered = new(), done = new();
        Waiting slow = new(() =>
        {
            entered.Set();
            done.Wait();
        });
        Sequential model = Sequential(("slow", slow), ("fc", Linear(4, 2)));
        Tensor input = randn(2, 4), elsewhere = randn(2, 4);
        Task? other = null;
        using Backtracer backtracer = new(
            model,
            x =>
            {
                other = Task.Run(() => slow.call(elsewhere).Dispose());
                entered.Wait();
                return [((Linear)model[1]).call(x[0]).tanh()];
            },
            TestDevices.Get("cpu"));
        try
        {
            using RelevanceGraph graph = backtracer.Record([input]);
            Assert.That(graph.Nodes.Select(n => n.Name), Is.EqualTo(new[] { "fc", "tanh" }));
        }
        finally
        {
            done.Set();
            other!.Wait();
        }
    }

    [Test]
    public void AModuleUsedTwiceHasTwoNodes()
    {
        using var scope = NewDisposeScope();
        Linear shared = Linear(4, 4), copy = Linear(4, 4);
        copy.load_state_dict(shared.state_dict());
        using Net twice = new(x => shared.call(shared.call(x).relu()), ("shared", shared));
        using Net apart = new(x => copy.call(shared.call(x).relu()), ("shared", shared), ("copy", copy));
        Tensor input = randn(3, 4);
        using Explanation actual = Explaining.Explain(twice, input, Target.Argmax(), new BacktracerOptions { Layers = ["shared", "shared#2"] });
        using Explanation expected = Explaining.Explain(apart, input, Target.Argmax(), new BacktracerOptions { Layers = ["shared", "copy"] });
        Explaining.AssertSame(actual.Input, expected.Input, 0);
        Explaining.AssertSame(actual["shared"], expected["shared"], 0);
        Explaining.AssertSame(actual["shared#2"], expected["copy"], 0);
    }

    [Test]
    public void AModuleThatBorrowsAWeightKeepsItsName()
    {
        using var scope = NewDisposeScope();
        Linear body = Linear(4, 4);
        Net head = new(x => functional.linear(x, body.weight!));
        using Net tied = new(x => head.call(body.call(x).relu()), ("body", body), ("head", head));
        Tensor input = randn(3, 4);
        using Explanation e = Explaining.Explain(tied, input, Target.Argmax());
        Assert.That(e.Ledger.Lines.Select(line => line.Node), Does.Contain("head").And.Contain("body").And.None.Contains("body#2"));
    }

    [Test]
    public void SeveralInputsShareTheRelevance()
    {
        using var scope = NewDisposeScope();
        using TwoInputs model = new();
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        Tensor a = randn(2, 3), b = randn(2, 4);
        using Explanation e = backtracer.Explain([a, b], Target.Class(0));
        Assert.That(e.Inputs.Select(i => i.shape), Is.EqualTo(new[] { a.shape, b.shape }));
        Assert.That(e.Inputs.Select(i => i.Floats().Sum()), Has.All.GreaterThan(0));
        Explaining.AssertConserved(e);

        using Net joined = new(x => model.Run(x.slice(1, 0, 3, 1), x.slice(1, 3, 7, 1)).First, ("model", model));
        using Explanation expected = Explaining.Explain(joined, cat([a, b], 1), Target.Class(0));
        Explaining.AssertSame(cat([e.Inputs[0], e.Inputs[1]], 1), expected.Input);
    }

    [Test]
    public void PlacesOfMaximaCarryNothing([Values(0, 1, 2)] int kind, [Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        Tensor input = randn(3, 1, 6), seed = rand(3, 7);
        Embedding table = Embedding(6, 1);
        BacktracerOptions options = new() { Mode = mode };
        using Explanation e = Explaining.Explain(x => cat([x.squeeze(1), table.call(Places(x)).squeeze(2)], 1), input, Target.Custom(seed.Floats(), seed.Floats()), options);
        foreach (RelevanceStream stream in e.Streams)
            Explaining.AssertSame(stream.Input.squeeze(1), seed.slice(1, 0, 6, 1));

        Tensor Places(Tensor x) => kind switch
        {
            0 => x.max(2).indexes,
            1 => functional.max_pool1d_with_indices(x, 6).indices.squeeze(2),
            _ => functional.adaptive_max_pool1d_with_indices(x, 1).Indices.squeeze(2),
        };
    }

    [Test]
    public void LocalResponseNormalisationHandsAllOn([Values(3, 4, 5)] int axes, [Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        Tensor input = randn([2, 6, .. Enumerable.Repeat(3L, axes - 2)]), seed = rand(input.shape);
        LocalResponseNorm norm = LocalResponseNorm(3, alpha: 0.5, beta: 0.75, k: 2);
        using Explanation e = Explaining.Explain(x => norm.call(x), input, Target.Custom(seed.Floats(), seed.Floats()), new BacktracerOptions { Mode = mode });
        foreach (RelevanceStream stream in e.Streams)
            Explaining.AssertSame(stream.Input, seed);
    }

    [Test]
    public void EachOfSeveralOutputsCanBeExplained()
    {
        using var scope = NewDisposeScope();
        using TwoInputs model = new();
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        Tensor a = randn(2, 3), b = randn(2, 4);
        using Explanation second = backtracer.Explain([a, b], Target.Class(1) with { Output = 1 });
        Assert.That(second.Prediction.shape, Is.EqualTo(new long[] { 2, 5 }));
        Assert.That(second.Inputs[1].Floats(), Has.All.Zero, "the second output does not depend on the second input");
        Explaining.AssertConserved(second);
        Assert.That(() => backtracer.Explain([a, b], Target.Class(1) with { Output = 2 }), Throws.TypeOf<TargetException>().With.Message.Contains("has 2"));
        Assert.That(() => backtracer.Explain([a, b], [Target.Class(1), Target.Class(1) with { Output = 1 }]), Throws.TypeOf<TargetException>());
    }

    [Test]
    public void CopiesToADeviceHandAllOn()
    {
        using var scope = NewDisposeScope();
        Tensor x = randn(2, 5), seed = rand(2, 5);
        using Explanation e = Explaining.Explain(x => x.to(CPU).cpu().to(CPU, copy: true), x, Target.Custom(seed.Floats()));
        Explaining.AssertSame(e.Input, seed);
    }

    // Of a language model, a prediction is text times vocabulary.
    [Test]
    public void TargetsOfOnePassHaveOnePredictionInMemory()
    {
        using var scope = NewDisposeScope();
        Linear layer = Linear(5, 4);
        using Backtracer backtracer = new(layer, TestDevices.Get("cpu"));
        Tensor x = randn(2, 5);
        IReadOnlyList<Explanation> e = backtracer.Explain([x], [Target.Class(0), Target.Class(1)]);
        using Explanation second = e[1];
        Assert.That(new RawTensor(second.Prediction.Handle).Data, Is.EqualTo(new RawTensor(e[0].Prediction.Handle).Data));
        float[] before = e[0].Prediction.Floats();
        e[0].Dispose();
        Assert.That(second.Prediction.Floats(), Is.EqualTo(before));
    }

    [Test]
    public void AnActivationBehindAnOutputDoesNotSilenceItsUnits()
    {
        using var scope = NewDisposeScope();
        Linear fc = Linear(4, 3);
        Tensor input = randn(2, 4) * 5;
        Tensor[] Both(Tensor x)
        {
            Tensor logits = fc.call(x);
            return [logits, logits.softmax(1)];
        }

        using Backtracer two = new(null, x => Both(x[0]), TestDevices.Get("cpu")), one = new(null, x => [fc.call(x[0])], TestDevices.Get("cpu"));
        using Explanation actual = two.Explain(input, Target.Argmax()), expected = one.Explain(input, Target.Argmax());
        Explaining.AssertSame(actual.Input, expected.Input, 0);
    }

    [Test]
    public void ModulesOfTensorsAreCalledByThemselves()
    {
        using var scope = NewDisposeScope();
        Tensor[] inputs = [randn(2, 3), randn(2, 3), randn(2, 3), randn(2, 3)];
        (nn.Module Model, int Inputs, int Outputs)[] models =
        [
            (new Nested(), 1, 3), (new Listed(), 1, 2), (new TripleOfThree(), 3, 3), (new OneOfFour(), 4, 1),
        ];
        foreach ((nn.Module model, int count, int outputs) in models)
        {
            using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
            for (int k = 0; k < outputs; k++)
            {
                using Explanation e = backtracer.Explain(inputs[..count], Target.Custom([1, 2, 3]) with { Output = k });
                Explaining.AssertConserved(e);
                Assert.That(e.Inputs, Has.Count.EqualTo(count));
                Assert.That(e.Ledger.Start[0], Is.EqualTo(12).Within(1e-6));
            }

            Assert.That(() => backtracer.Explain([.. inputs, randn(2, 3)], Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("takes"));
        }

        using Failing failing = new();
        using Backtracer ofFailing = new(failing, TestDevices.Get("cpu"));
        Assert.That(() => ofFailing.Explain(inputs[..3], Target.Argmax()), Throws.TypeOf<TimeoutException>());
    }

    [Test]
    public void WhatAModelKeepsForTheNextCallStaysAlive([Values] bool inScope)
    {
        using Caching model = new();
        using Tensor x = randn(2, 4, 3), longer = randn(2, 6, 3);
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using (DisposeScope? scope = inScope ? NewDisposeScope() : null)
        {
            using Explanation first = backtracer.Explain(x, Target.Argmax()), second = backtracer.Explain(x, Target.Argmax()), third = backtracer.Explain(longer, Target.Argmax());
            Assert.That(second.Input.Floats(), Is.EqualTo(first.Input.Floats()));
            Assert.That(third.Input.Floats()[^3..], Has.Some.GreaterThan(0));
            using Tensor answer = model.call(longer);
            Assert.That(answer.Floats(), Is.EqualTo(third.Prediction.Floats()));
            Assert.That(model.Kept.Select(t => t.IsInvalid), Has.All.False);
        }

        Assert.That(model.Kept.Select(t => t.IsInvalid), Has.All.EqualTo(inScope), "they are where a plain call would have left them");
    }

    [Test]
    public void OneTensorCannotBeTwoInputs()
    {
        using Tensor same = randn(2, 3);
        using Backtracer backtracer = new(null, x => [x[0] + x[1]], TestDevices.Get("cpu"));
        Assert.That(() => backtracer.Explain([same, same], Target.Class(0)), Throws.TypeOf<InvalidModelException>().With.Message.Contains("clone"));
    }

    [Test]
    public void DenseLayersTakeAnyNumberOfAxes([Values(1, 2, 3, 4)] int axes, [Values] bool bias)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(axes);
        Linear layer = Linear(5, 3, hasBias: bias), head = Linear(3, 2);
        using Net model = new(x => head.call(layer.call(x).tanh()), ("layer", layer), ("head", head));
        long[] shape = [.. new long[] { 2, 3, 2 }[..(axes - 1)], 5];
        Tensor input = axes == 1 ? randn(shape) : randn(shape) * 3;
        Target target = Explaining.Seed(model.call(input));
        using Explanation e = Explaining.Explain(model, input, target);
        Explaining.AssertConserved(e);

        using Explanation flat = Explaining.Explain(model, input.reshape(-1, 5), target);
        Explaining.AssertSame(e.Input, flat.Input, 1e-6);
        Assert.That(e.Ledger.Lines.Select(l => l.Node), Is.EqualTo(new[] { "head", "tanh", "layer" }), "the bias belongs to its layer");
    }

    // Makes what depends on the length only when that changes, as many models do.
    private sealed class Caching : Module<Tensor, Tensor>
    {
        private readonly Dictionary<long, Tensor> positions = [];
        private Tensor? mask;
        private (Tensor Cos, Tensor Sin)? rotation;
        private Tensor[] scores = [];

        public Caching()
            : base(nameof(Caching)) => RegisterComponents();

        public IEnumerable<Tensor> Kept => [mask!, rotation!.Value.Cos, rotation.Value.Sin, .. positions.Values, .. scores];

        public override Tensor forward(Tensor x)
        {
            long length = x.shape[1];
            if (mask is null || mask.shape[0] != length)
            {
                mask = ones(length, length).triu(1).to(@bool);
                rotation = (arange(length).to(float32).cos().unsqueeze(1), arange(length).to(float32).sin().unsqueeze(1));
                positions[length] = arange(length).to(float32).unsqueeze(1) / length;
            }

            Tensor turned = x * rotation!.Value.Cos + x.flip(2) * rotation.Value.Sin + positions[length];
            scores = [turned.matmul(turned.transpose(1, 2)).masked_fill(mask, float.NegativeInfinity).softmax(-1)];
            return scores[0].matmul(x).select(1, -1);
        }
    }

    private sealed class TwoInputs : Module<Tensor, Tensor, (Tensor, Tensor)>
    {
        private readonly Linear left = Linear(3, 6);
        private readonly Linear right = Linear(4, 6);
        private readonly Linear head = Linear(6, 2);
        private readonly Linear side = Linear(6, 5);

        internal TwoInputs()
            : base("TwoInputs") => RegisterComponents();

        internal (Tensor First, Tensor Second) Run(Tensor a, Tensor b)
        {
            Tensor x = left.call(a).relu();
            return (head.call(x + right.call(b).relu()), side.call(x));
        }

        public override (Tensor, Tensor) forward(Tensor input1, Tensor input2) => Run(input1, input2);
    }

    private sealed class Nested() : Module<Tensor, (Tensor, (Tensor, Tensor))>(nameof(Nested))
    {
        public override (Tensor, (Tensor, Tensor)) forward(Tensor input) => (input * 2, (input.relu(), input + 1));
    }

    private sealed class Listed() : Module<Tensor, IList<Tensor>>(nameof(Listed))
    {
        public override IList<Tensor> forward(Tensor input) => new List<Tensor> { input * 2, input.relu() };
    }

    private sealed class TripleOfThree() : Module<Tensor, Tensor, Tensor, (Tensor, Tensor, Tensor)>(nameof(TripleOfThree))
    {
        public override (Tensor, Tensor, Tensor) forward(Tensor a, Tensor b, Tensor c) => (a + b, b + c, c + a);
    }

    private sealed class OneOfFour() : Module<Tensor, Tensor, Tensor, Tensor, Tensor>(nameof(OneOfFour))
    {
        public override Tensor forward(Tensor a, Tensor b, Tensor c, Tensor d) => a + b + c + d;
    }

    private sealed class Failing() : Module<Tensor, Tensor, Tensor, Tensor>(nameof(Failing))
    {
        public override Tensor forward(Tensor a, Tensor b, Tensor c) => throw new TimeoutException();
    }

    private sealed class Waiting(Action wait) : Module<Tensor, Tensor>(nameof(Waiting))
    {
        public override Tensor forward(Tensor input)
        {
            wait();
            return input.alias();
        }
    }
}
