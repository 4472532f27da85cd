using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch.nn;
using Linear = Backtrace.Gpu.Kernels.Rules.Linear;
using Tensor = TorchSharp.torch.Tensor;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Rules of users that err are found, and the memory that they were lent comes back.</summary>
public sealed class HostileRuleTests
{
    [Test]
    public void LostRelevanceNamesTheNode() =>
        AssertThrows<LedgerException>(new OwnRule(c => FillWith(c, 0)), "first (Linear)");

    // In all nothing is lost, but one sample's relevance went to another.
    [TestCase(true)]
    [TestCase(false)]
    public void RelevanceOfAnotherSampleIsNoticedWhereSamplesAreKeptApart(bool perSample)
    {
        OwnRule mixing = new(c =>
        {
            float total = 0;
            for (int k = 0; k < c.Relevance().Length; k++)
                total += c.Relevance().Values[k];
            DeviceTensor target = c.Give(0);
            for (int k = 0; k < target.Length; k++)
                target.Values[k] = k == 0 ? total : 0;
        });
        Run(
            mixing,
            (backtracer, input) =>
            {
                if (perSample)
                    Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<LedgerException>().With.Message.Contains("of sample 0"));
                else
                    backtracer.Explain(input, Target.Argmax()).Dispose();
            },
            new BacktracerOptions { LedgerPerSample = perSample });
    }

    [Test]
    public void RelevanceFromNowhereNamesTheNode() =>
        AssertThrows<LedgerException>(new OwnRule(c => FillWith(c, float.NaN)), "first (Linear)");

    [Test]
    public void NothingGivenNamesTheNode() => AssertThrows<LedgerException>(new OwnRule(_ => { }), "first (Linear)");

    [Test]
    public void GivingTwiceIsRefused() =>
        AssertThrows<InvalidOperationException>(
            new OwnRule(c =>
            {
                c.Give(0);
                c.Give(0);
            }),
            "input 0 twice");

    [Test]
    public void GivingAndPassingIsRefused() =>
        AssertThrows<InvalidOperationException>(
            new OwnRule(c =>
            {
                c.Give(0);
                c.Pass(0);
            }),
            "input 0 twice");

    [Test]
    public void PassingToAnotherSizeIsRefused() => AssertThrows<InvalidOperationException>(new OwnRule(c => c.Pass(0)), "first (Linear)");

    [Test]
    public void AnExceptionOfARuleComesThrough() =>
        AssertThrows<TimeoutException>(
            new OwnRule(c =>
            {
                c.Scratch(1000);
                c.Shared(1000, out _);
                c.Give(0);
                throw new TimeoutException("on purpose");
            }),
            "on purpose");

    [Test]
    public void ACancelledRunReturnsItsMemory()
    {
        using CancellationTokenSource source = new();
        Run(new OwnRule(c =>
        {
            source.Cancel();
            FillWith(c, 0);
        }), (backtracer, input) => Assert.That(() => backtracer.Explain(input, Target.Argmax(), source.Token), Throws.InstanceOf<OperationCanceledException>()));
    }

    [Test]
    public void ACancelledRequestRunsNoModel()
    {
        int calls = 0;
        using Tensor input = torch.randn(3, 4);
        using Backtracer backtracer = new(null, x =>
        {
            calls++;
            return [x[0] * 2];
        });
        Assert.That(() => backtracer.Explain(input, Target.Argmax(), new CancellationToken(canceled: true)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(calls, Is.Zero);
        backtracer.Explain(input, Target.Argmax()).Dispose();
    }

    private static void AssertThrows<T>(Rule rule, string message)
        where T : Exception =>
        Run(rule, (backtracer, input) => Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<T>().With.Message.Contains(message)));

    private static void Run(Rule rule, Action<Backtracer, Tensor> check, BacktracerOptions? options = null)
    {
        using Sequential model = Sequential(("zero", Linear(4, 4)), ("tanh", Tanh()), ("first", Linear(4, 6)), ("relu", ReLU()), ("second", Linear(6, 6)));
        using Tensor input = torch.randn(3, 4);
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"), (options ?? new BacktracerOptions()) with { Rules = RuleSet.Backtrace.With(rule) });
        check(backtracer, input);
        Assert.That(backtracer.Arena.LentBytes, Is.Zero);
    }

    private static void FillWith(RuleContext context, float value)
    {
        DeviceTensor target = context.Give(0);
        context.Device.Run(new Fill { Target = target.Values, Value = value }, target.Length);
    }

    /// <summary>Serves the layer from 4 to 6 units in its own way, others as they should be.</summary>
    private sealed class OwnRule(Action<RuleContext> apply) : Rule
    {
        public override Type Serves => typeof(Linear);

        public override void Apply(RuleContext context)
        {
            if (context.InputShape(0)[^1] == 4 && context.OutputShape()[^1] == 6)
                apply(context);
            else
                RuleSet.Backtrace.Find(context.Operation)!.Apply(context);
        }

        public override void ApplyContrastive(RuleContext supporting, RuleContext opposing)
        {
            Apply(supporting);
            Apply(opposing);
        }
    }
}
