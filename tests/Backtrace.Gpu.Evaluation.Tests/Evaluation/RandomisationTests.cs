using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Evaluation;

public sealed class RandomisationTests
{
    [Test]
    public void AnExplainerThatReadsWeightsForgetsThemAndAConstantOneDoesNot()
    {
        using Net net = new();
        Measurement learned = net.Measure(net.Gradients()), deaf = net.Measure(StubExplainer.Random());
        foreach (LayerOrder order in Enum.GetValues<LayerOrder>())
        {
            Mprt metric = new() { Randomisation = new() { Order = order } };
            Assert.That(metric.Measure(learned).Average(), Is.LessThan(0.7), metric.Name);
            Assert.That(metric.Measure(deaf), Is.All.EqualTo(1).Within(1e-9), metric.Name);
        }
    }

    [Test]
    public void CurvesNameTheLayersInTheirOrder()
    {
        using Net net = new();
        RandomisationCurve down = new Mprt().Curves(net.Measure(net.Gradients()));
        RandomisationCurve up = new Mprt { Randomisation = new() { Order = LayerOrder.BottomUp, Layers = ["0", "4"] } }.Curves(net.Measure(net.Gradients()));
        Assert.Multiple(() =>
        {
            Assert.That(down.Layers, Is.EqualTo(new[] { "4", "2", "0" }));
            Assert.That(up.Layers, Is.EqualTo(new[] { "0", "4" }));
            Assert.That(down.Mean, Has.Length.EqualTo(3));
            Assert.That(down.Mean[1], Is.EqualTo(down.Values.Average(of => of[1])).Within(1e-12));
            Assert.That(down.PerSample[2], Is.EqualTo(down.Values[2].Average()).Within(1e-12));
            Assert.That(() => new Mprt { Randomisation = new() { Layers = ["1"] } }.Curves(net.Measure(net.Gradients())), Throws.TypeOf<ExplainerException>().With.Message.Contains("'1'"));
        });
    }

    [Test]
    public void LayersBecomeRandomOneAfterTheOtherOrOneAtATime()
    {
        using Net net = new();
        List<string> seen = [];
        Measurement spy = net.Measure(new StubExplainer(s =>
        {
            seen.Add(net.Changed());
            return s.Input.clone();
        }));
        seen.Clear();
        new Mprt().Measure(spy);
        new Mprt { Randomisation = new() { Order = LayerOrder.BottomUp } }.Measure(spy);
        new Mprt { Randomisation = new() { Order = LayerOrder.Independent } }.Measure(spy);
        Assert.That(seen, Is.EqualTo(new[] { "4", "24", "024", "0", "02", "024", "4", "2", "0" }));
    }

    [Test]
    public void ParametersComeBackBitForBit()
    {
        using Net net = new();
        Measurement learned = net.Measure(net.Gradients());
        foreach (Metric metric in new Metric[] { new Mprt(), new SmoothMprt { Draws = 3 }, new EfficientMprt(), new Mprt { Randomisation = new() { Order = LayerOrder.Independent } } })
        {
            int calls = 0;
            metric.Measure(learned);
            Assert.That(net.Changed(), Is.Empty, metric.Name);
            Measurement failing = net.Measure(new StubExplainer(s => net.Changed() == "" && calls++ < 100 ? s.Input.clone() : throw new InvalidOperationException("broken")));
            Assert.That(() => metric.Measure(failing), Throws.InvalidOperationException, metric.Name);
            Assert.That(net.Changed(), Is.Empty, $"{metric.Name}, after an exception");
        }
    }

    [Test]
    public void RandomParametersHaveTheMeanAndDeviationOfTheirOwnAndDifferByLayer()
    {
        using Linear first = nn.Linear(2, 1, hasBias: false), second = nn.Linear(2, 1, hasBias: false);
        using Sequential network = nn.Sequential(first, second);
        using (no_grad())
        {
            first.weight!.copy_(tensor(new float[] { 5, 9 }).view(1, 2));
            second.weight!.copy_(tensor(new float[] { 5, 9 }).view(1, 2));
        }

        using Tensor start = first.weight!.detach().clone();
        using RandomisedParameters parameters = new(new ExplainedModel(network), null, 3);
        for (int layer = 0; layer < 2; layer++)
        {
            using Generator generator = new();
            generator.manual_seed((3 * 1_000_003L) + layer);
            using Tensor drawn = randn([1, 2], generator: generator), expected = (2 * drawn) + 7;
            parameters.Randomise(layer);
            Assert.That(((Linear)network[layer]).weight!.allclose(expected), Is.True, $"layer {layer}");
        }

        Assert.That(first.weight!.allclose(second.weight!), Is.False);
        parameters.Restore();
        Assert.That(first.weight!.Equals(start), Is.True);
    }

    [Test]
    public void NegativeZeroAndNaNSurvive()
    {
        using Linear linear = nn.Linear(2, 1, hasBias: false);
        using (no_grad())
            linear.weight!.copy_(tensor(new[] { -0f, float.NaN }).view(1, 2));
        using (RandomisedParameters parameters = new(new ExplainedModel(linear), null, 0))
        {
            Assert.That(parameters.Layers, Is.EqualTo(new[] { "" }), "the model itself is a layer");
            parameters.Randomise(0);
        }

        Assert.That(linear.weight!.data<float>().ToArray().Select(BitConverter.SingleToInt32Bits), Is.EqualTo(new[] { -0f, float.NaN }.Select(BitConverter.SingleToInt32Bits)));
    }

    [Test]
    public void RandomParametersKeepTheirScaleAndDependOnSeedAndLayerOnly()
    {
        using Net net = new();
        float[] Weights(int seed, params int[] layers)
        {
            using RandomisedParameters parameters = new(net.Model, null, seed);
            foreach (int layer in layers)
                parameters.Randomise(layer);
            return net.Layer("2").data<float>().ToArray();
        }

        float[] before = net.Layer("2").data<float>().ToArray(), after = Weights(1, 1);
        Assert.Multiple(() =>
        {
            Assert.That(after, Is.Not.EqualTo(before));
            Assert.That(after.Average(v => v * v), Is.EqualTo(before.Average(v => v * v)).Within(0.2 * before.Average(v => v * v)));
            Assert.That(Weights(1, 2, 1, 0), Is.EqualTo(after), "in any order");
            Assert.That(Weights(2, 1), Is.Not.EqualTo(after), "another seed");
        });
    }

    [Test]
    public void SmoothMprtAveragesNoisyExplanations()
    {
        using Net net = new();
        Measurement deaf = net.Measure(StubExplainer.Random());
        Assert.That(new SmoothMprt { Draws = 3 }.Measure(deaf), Is.All.EqualTo(1).Within(1e-9));
        Assert.That(new SmoothMprt { Draws = 3 }.Measure(net.Measure(net.Gradients())).Average(), Is.LessThan(0.7));
        List<bool> noisy = [];
        Measurement spy = net.Measure(new StubExplainer(s =>
        {
            noisy.Add(!s.Input.Equals(net.Samples.Input));
            return s.Input.clone();
        }));
        noisy.Clear();
        new SmoothMprt { Draws = 3, Randomisation = new() { Layers = ["2"] } }.Measure(spy);
        Assert.That(noisy, Is.EqualTo(new[] { true, true, false, true, true, false }), "the last of the draws is without noise, before and after");
    }

    [Test]
    public void WhatCannotBeMadeRandomOrAveragedIsRefused()
    {
        using Net net = new();
        Measurement measurement = net.Measure(net.Gradients());
        using Sequential plain = nn.Sequential(nn.ReLU());
        Measurement without = measurement with { Model = new ExplainedModel(plain) };
        Assert.Multiple(() =>
        {
            Assert.That(() => new Mprt().Measure(without), Throws.TypeOf<ExplainerException>().With.Message.Contains("no parameters"));
            Assert.That(() => new Mprt { Randomisation = new() { Layers = [] } }.Measure(measurement), Throws.TypeOf<ExplainerException>().With.Message.Contains("No layers are named"));
            Assert.That(() => new Mprt { Randomisation = new() { MaximumBatch = 0 } }.Measure(measurement), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => new SmoothMprt { Draws = 0 }.Measure(measurement), Throws.ArgumentException.With.Message.Contains("Draws"));
            Assert.That(net.Changed(), Is.Empty);
        });
    }

    [Test]
    public void EfficientMprtIsTheRiseOfTheEntropy()
    {
        EfficientMprt metric = new();
        Assert.Multiple(() =>
        {
            Assert.That(metric.Entropy([0, 0, 1, 1]), Is.EqualTo(Math.Log(2)).Within(1e-12));
            Assert.That(metric.Entropy([0, 1, 2, 3]), Is.EqualTo(Math.Log(4)).Within(1e-12));
            Assert.That(metric.Entropy([5, 5, 5]), Is.Zero);
            Assert.That(new EfficientMprt { Bins = 2 }.Entropy([0, 1, 2, 3]), Is.EqualTo(Math.Log(2)).Within(1e-12));
        });
        using Net net = new();
        using Tensor two = tensor(new float[] { 0, 0, 0, 0, 1, 1, 1, 1 }), four = tensor(new float[] { 0, 0, 1, 1, 2, 2, 3, 3 });
        Measurement rising = net.Measure(new StubExplainer(s => (net.Changed() == "" ? two : four).repeat(s.Count, 1)));
        Assert.That(metric.Measure(rising), Is.All.EqualTo(1).Within(1e-9), "log 4 is twice log 2");
        Assert.That(metric.Measure(net.Measure(StubExplainer.Random())), Is.All.Zero);
        using Tensor equal = ones(8), signed = tensor(new float[] { -1, -1, -1, -1, 1, 1, 1, 1 });
        Measurement fromNothing = net.Measure(new StubExplainer(s => (net.Changed() == "" ? equal : four).repeat(s.Count, 1)));
        Measurement ofSigns = net.Measure(new StubExplainer(s => (net.Changed() == "" ? signed : four).repeat(s.Count, 1)));
        Assert.That(metric.Measure(fromNothing), Is.All.NaN, "no entropy to rise from");
        Assert.That(metric.Measure(ofSigns), Is.All.EqualTo(1).Within(1e-9), "signs are kept");
    }

    /// <summary>Three layers of eight units, three samples.</summary>
    private sealed class Net : IDisposable
    {
        private readonly Sequential network;
        private readonly Features features = Features.Each(8);
        private readonly List<(string Name, byte[] Bytes)> before;
        private readonly List<Tensor> explanations = [];

        internal Net()
        {
            using Generator generator = new();
            generator.manual_seed(3);
            network = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2));
            using (no_grad())
            {
                foreach (Parameter parameter in network.parameters())
                    parameter.copy_(randn(parameter.shape, generator: generator) * 0.3);
            }

            Model = new ExplainedModel(network);
            Samples = new Samples(rand([3, 8], generator: generator) + 0.5, tensor(new long[] { 0, 1, 0 }), zeros(1, 8), features);
            before = Read();
        }

        internal ExplainedModel Model { get; }

        internal Samples Samples { get; }

        internal Parameter Layer(string name) => network.get_parameter($"{name}.weight")!;

        internal StubExplainer Gradients() => new(s => Model.Gradients(s.Input, s.Input, s.Targets) * s.Input);

        internal Measurement Measure(StubExplainer explainer)
        {
            explanations.Add(explainer.Explain(Samples));
            return new Measurement(Model, Samples, explanations[^1], explainer);
        }

        /// <summary>First letters of the layers whose parameters are not what they were.</summary>
        internal string Changed() => string.Concat(before.Zip(Read()).Where(p => !p.First.Bytes.SequenceEqual(p.Second.Bytes)).Select(p => p.First.Name[0]).Distinct());

        public void Dispose()
        {
            explanations.ForEach(e => e.Dispose());
            Samples.Dispose();
            features.Dispose();
            network.Dispose();
        }

        private List<(string Name, byte[] Bytes)> Read() => [.. network.named_parameters().Select(p => (p.name, p.parameter.detach().bytes.ToArray()))];
    }
}
