using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Modules that become one node: what goes in and out, and that their rule reads intact values.</summary>
public sealed class ModuleRuleTests
{
    [Test]
    public void OperatorsWithoutRuleInsideAreNoError()
    {
        using var scope = NewDisposeScope();
        Net part = new(x => x.cumsum(1).i0());
        using Net model = new(x => part.call(x * 2).relu(), ("part", part));
        using Explanation e = Explaining.Explain(model, rand(2, 3), Target.Custom([1, 2, 3, 4, 5, 6]), Passing("part"));
        Assert.That(e.Input.Floats(), Is.EqualTo(new float[] { 1, 2, 3, 4, 5, 6 }));
        Assert.That(e.Ledger.Lines.Select(l => l.Node), Is.EqualTo(new[] { "relu", "part", "Mul" }));
    }

    [Test]
    public void InputsComeInOrderOfFirstUseAndOutputsAreWhatIsUsed()
    {
        using var scope = NewDisposeScope();
        Tensor? side = null, skip = null;
        Net part = new(x =>
        {
            Tensor unused = x.cumsum(1);
            side = (unused * skip!).tan();
            return side.i0();
        });
        using Net model = new(x =>
        {
            skip = x + 1;
            return part.call(x * 2) + side! * 3;
        }, ("part", part));
        Recording rule = new();
        Tensor input = rand(2, 3);
        using Explanation e = Explaining.Explain(model, input, Target.Custom([.. new float[6].Select(_ => 1f)]), Options(rule, "part"));
        Assert.That(rule.Seen, Has.Count.EqualTo(2));
        Assert.That(rule.Outputs, Is.EqualTo(2));
        Explaining.AssertSame(rule.Seen[0], (input * 2).Floats());
        Explaining.AssertSame(rule.Seen[1], (input + 1).Floats());
    }

    [Test]
    public void ValuesThatTheRuleReadsSurviveInPlaceOperatorsInside()
    {
        using var scope = NewDisposeScope();
        Net part = new(x =>
        {
            x.view(6).cos_();
            x.relu_();
            return x.add_(1);
        });
        using Net model = new(x => part.call(x * 2), ("part", part));
        Recording rule = new();
        Tensor input = randn(2, 3);
        using Explanation e = Explaining.Explain(model, input, Target.Custom([1, 2, 3, 4, 5, 6]), Options(rule, "part"));
        Explaining.AssertSame(rule.Seen[0], (input * 2).Floats());
    }

    [Test]
    public void ValuesThatTheRuleReadsSurviveInPlaceOperatorsOutside()
    {
        using var scope = NewDisposeScope();
        Net part = new(x => x.cumsum(1));
        using Net model = new(x =>
        {
            Tensor doubled = x * 2;
            Tensor y = part.call(doubled);
            return y + doubled.relu_();
        }, ("part", part));
        Recording rule = new();
        Tensor input = randn(2, 3);
        using Explanation e = Explaining.Explain(model, input, Target.Custom([1, 2, 3, 4, 5, 6]), Options(rule, "part"));
        Explaining.AssertSame(rule.Seen[0], (input * 2).Floats());
        Explaining.AssertConserved(e);
    }

    [Test]
    public void ResultsThatAreFilledInPlaceAreResults()
    {
        using var scope = NewDisposeScope();
        Net part = new(x =>
        {
            Tensor result = zeros_like(x);
            result.slice(1, 0, 2, 1).copy_(x.slice(1, 1, 3, 1));
            return result;
        });
        using Net model = new(x => part.call(x).relu(), ("part", part));
        using Explanation e = Explaining.Explain(model, rand(1, 3), Target.Custom([1, 2, 3]), Passing("part"));
        Assert.That(e.Input.Floats(), Is.EqualTo(new float[] { 1, 2, 3 }));
    }

    [Test]
    public void ChoicesMadeInsideAreConstantsOutside()
    {
        using var scope = NewDisposeScope();
        Tensor? best = null;
        Net part = new(x =>
        {
            best = x.argmax(0);
            return x.cumsum(1);
        });
        using Net model = new(x => part.call(x).index_select(0, best!.select(0, 0).reshape(1)), ("part", part));
        using Explanation e = Explaining.Explain(model, tensor(new float[] { 1, 2, 3, 4 }).reshape(2, 2), Target.Custom([1, 2]), Passing("part"));
        Assert.That(e.Input.Floats(), Is.EqualTo(new float[] { 0, 0, 1, 2 }));
    }

    [Test]
    public void TheOutermostModuleCounts()
    {
        using var scope = NewDisposeScope();
        Net inner = new(x => x.cumsum(1));
        Net outer = new(x => inner.call(x).i0(), ("inner", inner));
        using Net model = new(x => outer.call(outer.call(x)), ("outer", outer));
        BacktracerOptions options = new() { Modules = [ModuleLowering.At("outer.inner", _ => new Identity("Inner")), ModuleLowering.At("outer", _ => new Identity("Outer"))] };
        using Explanation e = Explaining.Explain(model, rand(1, 3), Target.Custom([1, 2, 3]), options);
        Assert.That(e.Ledger.Lines.Select(l => l.Node), Is.EqualTo(new[] { "outer#2", "outer" }));
    }

    [Test]
    public void PathsGoBeforeTypes()
    {
        using var scope = NewDisposeScope();
        Net a = new(x => x.cumsum(1)), b = new(x => x.cumsum(1));
        using Net model = new(x => b.call(a.call(x)), ("a", a), ("b", b));
        BacktracerOptions options = new() { Modules = [ModuleLowering.Of<Net>(_ => new Identity("Any")), ModuleLowering.At("b", _ => new Identity("B"))] };
        using Backtracer whole = new(model, options: options);
        using Explanation outer = whole.Explain(rand(1, 3), Target.Custom([1, 2, 3]));
        Assert.That(outer.Ledger.Lines.Select(l => l.Node), Is.EqualTo(new[] { "Any" }), "the model itself is of that type");
    }

    [Test]
    public void AModuleWithoutParametersThatIsNeverCalledIsAnError()
    {
        using var scope = NewDisposeScope();
        Net part = new(x => x.relu());
        using Net model = new(x => part.forward(x), ("part", part));
        Assert.That(() => Explaining.Explain(model, rand(1, 3), Target.Argmax(), Passing("part")), Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("'part'").And.Message.Contains("run it with call"));
    }

    [Test]
    public void TiedWeightsDoNotAccuseAModule()
    {
        using var scope = NewDisposeScope();
        var linear = nn.Linear(3, 3, hasBias: false);
        Net part = new(x => nn.functional.linear(x, linear.weight!), ("linear", linear));
        using Net model = new(x => linear.call(part.call(x)), ("part", part), ("head", linear));
        using Explanation e = Explaining.Explain(model, rand(1, 3), Target.Argmax(), Passing("part"));
        Explaining.AssertConserved(e);
    }

    [Test]
    public void AnInputThatWasChangedThroughAViewIsExplained()
    {
        using var scope = NewDisposeScope();
        Net part = new(x => x.cumsum(1));
        using Net model = new(x =>
        {
            Tensor y = x * 2;
            y.view(3).add_(1);
            return part.call(y);
        }, ("part", part));
        Recording rule = new();
        Tensor input = rand(1, 3);
        using Explanation e = Explaining.Explain(model, input, Target.Custom([1, 2, 3]), Options(rule, "part"));
        Explaining.AssertSame(rule.Seen[0], (input * 2 + 1).Floats());
        Explaining.AssertConserved(e);
    }

    [Test]
    public void AnInputThatIsOverwrittenFirstOfAllInsideKeepsItsOldValues([Values] bool replaced)
    {
        using var scope = NewDisposeScope();
        Net part = new(x => (replaced ? x.copy_(x.cumsum(1)) : x.relu_()).cumsum(1));
        using Net model = new(x => part.call(x * 2), ("part", part));
        Recording rule = new();
        Tensor input = randn(1, 3);
        using Explanation e = Explaining.Explain(model, input, Target.Custom([1, 2, 3]), Options(rule, "part"));
        Explaining.AssertSame(rule.Seen[0], (input * 2).Floats());
    }

    [Test]
    public void MemoryThatChangesInsideThroughAViewIsRefusedOutside()
    {
        using var scope = NewDisposeScope();
        Net part = new(x =>
        {
            x.view(3).add_(1);
            return x.cumsum(1);
        });
        using Net model = new(x =>
        {
            Tensor y = x * 2;
            return part.call(y) + y.exp();
        }, ("part", part));
        Assert.That(() => Explaining.Explain(model, rand(1, 3), Target.Argmax(), Passing("part")), Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("in-place").And.Message.Contains("inside of a module"));
    }

    [Test]
    public void MemoryThatChangesInsideAndOutsideIsRefused()
    {
        using var scope = NewDisposeScope();
        Net part = new(x =>
        {
            Tensor y = x * 1;
            x.select(1, 0).add_(1);
            return y.cumsum(1);
        });
        using Net model = new(x =>
        {
            Tensor y = x * 2;
            Tensor z = part.call(y);
            y.select(1, 1).zero_();
            return z + y;
        }, ("part", part));
        Assert.That(() => Explaining.Explain(model, rand(1, 3), Target.Argmax(), Passing("part")), Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("in-place"));
    }

    private static BacktracerOptions Passing(string path) => new() { Modules = [ModuleLowering.At(path, _ => new Identity("Part"))] };

    private static BacktracerOptions Options(Recording rule, string path) =>
        new() { Rules = RuleSet.Backtrace.With(rule), Modules = [ModuleLowering.At(path, _ => new Observed())] };

    private sealed record Observed : Operation
    {
        public override string Name => "Observed";

        public override bool ReadsInput(int index) => true;
    }

    /// <summary>Remembers what it read; all relevance goes to the first input.</summary>
    private sealed class Recording : StreamwiseRule<Observed>
    {
        public List<float[]> Seen { get; } = [];

        public int Outputs { get; private set; }

        protected override unsafe void Apply(RuleContext context, Observed operation)
        {
            Outputs = context.OutputCount;
            for (int k = 0; k < context.InputCount; k++)
            {
                DeviceTensor values = context.Input(k);
                float[] copy = new float[values.Length];
                fixed (float* target = copy)
                    context.Device.Download(values.Values, target, copy.Length);
                Seen.Add(copy);
            }

            DeviceTensor given = context.Give(0);
            context.Device.Run(new Fill { Target = given.Values, Value = 0 }, given.Length);
            for (int k = 0; k < context.OutputCount; k++)
                context.Device.Run(new Accumulate { Source = context.Relevance(k).Values, Target = given.Values }, given.Length);
        }
    }
}
