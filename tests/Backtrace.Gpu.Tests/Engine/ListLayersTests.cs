using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Linear = TorchSharp.Modules.Linear;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>The layers that can be asked for, by name, operation and shape.</summary>
public sealed class ListLayersTests
{
    private sealed class Branching : Module<Tensor, (Tensor, Tensor)>
    {
        private readonly Sequential body = Sequential(("conv", Conv2d(1, 2, 3, padding: 1)), ("relu", ReLU()));
        private readonly Linear head = Linear(32, 3), aside = Linear(32, 2), unused = Linear(1, 1);

        public Branching()
            : base("branching") => RegisterComponents();

        public override (Tensor, Tensor) forward(Tensor x)
        {
            Tensor flat = body.call(x).flatten(1), moved = flat + 1;
            _ = aside.call(flat).argmax(1);
            _ = head.call(flat).exp();
            return (head.call(moved), aside.call(moved));
        }
    }

    [Test]
    public void TheyHaveOperationAndShapeInTheOrderOfTheForwardPass()
    {
        using Branching model = new();
        using Tensor input = rand(2, 1, 4, 4);
        using Backtracer backtracer = new(model);
        IReadOnlyList<LayerInfo> layers = backtracer.ListLayers(input);
        Assert.That(layers.Select(l => l.Name), Is.EqualTo(new[] { "body.conv", "body.relu", "flatten", "Add", "head#2", "aside#2" }));
        Assert.That(layers.Select(l => l.Operation), Is.EqualTo(new[] { "Conv2d", "relu", "flatten", "Add", "Linear", "Linear" }));
        Assert.That(layers.Select(l => string.Join(",", l.Shape)), Is.EqualTo(new[] { "2,2,4,4", "2,2,4,4", "2,32", "2,32", "2,3", "2,2" }));
        Assert.That(layers[0].ToString(), Is.EqualTo("body.conv (Conv2d) [2, 2, 4, 4]"));
        Assert.That(backtracer.Arena.LentBytes, Is.Zero);
    }

    [Test]
    public void EachCanBeAskedFor([Values] Mode mode)
    {
        using Sequential model = Sequential(("conv", Conv1d(2, 3, 3)), ("norm", BatchNorm1d(3)), ("gate", GLU(2)), ("flat", Flatten()), ("last", Linear(6, 3)));
        using Tensor input = rand(2, 2, 6);
        IReadOnlyList<LayerInfo> layers;
        using (Backtracer lister = new(model, options: new BacktracerOptions { Mode = mode, Rules = RuleSet.LrpEpsilon() }))
            layers = lister.ListLayers(input);
        BacktracerOptions options = new() { Mode = mode, Rules = RuleSet.LrpEpsilon(), Layers = [.. layers.Select(l => l.Name)] };
        using Explanation e = Explaining.Explain(model, input, Target.Argmax(), options);
        Assert.That(layers.Select(l => l.Name), Is.SupersetOf(new[] { "conv", "norm", "gate", "flat", "last" }));
        foreach (LayerInfo layer in layers)
            Assert.That(e.Streams[0][layer.Name].shape, Is.EqualTo(layer.Shape), layer.Name);
    }

    [Test]
    public void LayersWithoutRuleAreListedToo()
    {
        using var scope = NewDisposeScope();
        using Backtracer backtracer = new(null, x => [(x[0] * 2).i0()]);
        Assert.That(backtracer.ListLayers(rand(2, 3)).Select(l => l.Name), Is.EqualTo(new[] { "Mul", "i0" }));
    }

    [Test]
    public void WhatCannotBeComputedIsRefusedAsByAnExplanation()
    {
        using Linear model = Linear(4, 2);
        using Tensor input = rand(2, 5);
        using Backtracer backtracer = new(model);
        Assert.That(() => backtracer.ListLayers(input), Throws.TypeOf<InvalidModelException>().With.Message.Contains("[2, 5]"));
        Assert.That(() => backtracer.ListLayers((Tensor)null!), Throws.TypeOf<InvalidModelException>().With.Message.Contains("null"));
    }
}
