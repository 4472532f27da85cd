using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Docs;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Options that name layers, modules or operators: what fits no part of the model is an error, not nothing.</summary>
public sealed class LayerRuleTests
{
    private static readonly RuleSet Rules = RuleSet.Backtrace;

    [Test]
    public void AnUnknownLayerIsNamedWithCloseOnes()
    {
        using var scope = NewDisposeScope();
        var first = nn.Linear(3, 3);
        var second = nn.Linear(3, 3);
        Net model = new(x => second.call(first.call(x)), ("encoder1", first), ("encoder2", second));
        BacktracerOptions options = new() { Rules = Rules.With("encodr2", new LinearRule()) };
        Assert.That(
            () => Explaining.Explain(model, ones(1, 3), Target.Argmax(), options),
            Throws.TypeOf<UnknownLayerException>().With.Message.Contains("'encodr2'").And.Message.Contains("encoder2, encoder1"));
    }

    [Test]
    public void ARuleMustServeTheOperationOfItsLayer()
    {
        using var scope = NewDisposeScope();
        BacktracerOptions options = new() { Rules = Rules.With("relu", new EqualAddRule()) };
        Assert.That(
            () => Explaining.Explain(x => x.relu(), ones(1, 3), Target.Argmax(), options),
            Throws.TypeOf<UnknownLayerException>().With.Message.Contains("'relu'").And.Message.Contains("serves Add").And.Message.Contains("Identity"));
    }

    [Test]
    public void RuleSetsAreImmutable()
    {
        RuleSet changed = Rules.With("fc", new EqualAddRule());
        Assert.That(Rules.Layers, Is.Empty);
        Assert.That(changed.With(new MaximumRule()).Layers, Has.Count.EqualTo(1));
        Assert.That(changed.Find("fc", new Add([])), Is.TypeOf<EqualAddRule>());
        Assert.That(changed.Find("other", new Add([])), Is.TypeOf<AddRule>());
    }

    [Test]
    public void AnUnknownModuleIsNamedWithCloseOnes()
    {
        using Net model = new(x => x, ("gate", nn.ReLU()));
        BacktracerOptions options = new() { Modules = [ModuleLowering.At("gaet", _ => new Identity("Gate"))] };
        Assert.That(() => new Backtracer(model, options: options), Throws.TypeOf<UnknownLayerException>().With.Message.Contains("'gaet'").And.Message.EndsWith("Close names: gate."));
    }

    [Test]
    public void ATypeOfModuleThatIsNotThereIsAnError()
    {
        using Net model = new(x => x, ("gate", nn.ReLU()));
        BacktracerOptions options = new() { Modules = [ModuleLowering.Of<Blend>(_ => new Blending())] };
        Assert.That(() => new Backtracer(model, options: options), Throws.TypeOf<UnknownLayerException>().With.Message.Contains("Blend"));
    }

    [Test]
    public void ALoweringMustSayWhatBecomesOfTheResult()
    {
        using var scope = NewDisposeScope();
        BacktracerOptions options = new() { Operators = new Dictionary<string, Lowering> { ["cummax"] = _ => { }, ["relu"] = call => call.Refuse("is not wanted") } };
        Assert.Multiple(() =>
        {
            Assert.That(() => Explaining.Explain(x => x.cummax(1).values, ones(1, 3), Target.Argmax(), options), Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("neither emitted a node"));
            Assert.That(() => Explaining.Explain(x => x.relu_(), ones(1, 3), Target.Argmax(), options), Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("is not wanted"));
        });
    }
}
