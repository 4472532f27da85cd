using System.Reflection;
using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Rules;
using Backtrace.Gpu.Tests.Support;
using ILGPU;
using NUnit.Framework;
using TorchSharp;

namespace Backtrace.Gpu.Tests.Docs;

// The first example of docs/adding-a-rule.md: a rule for an operator that has none.

/// <summary>The larger of two tensors of one shape, entry by entry.</summary>
public sealed record Maximum : Operation
{
    /// <inheritdoc/>
    public override string Name => "Maximum";

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => true;
}

/// <summary>The larger entry gets the relevance; equal entries get half each.</summary>
public sealed class MaximumRule : StreamwiseRule<Maximum>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Maximum operation)
    {
        ArrayView<float> relevance = context.Relevance().Values;
        Winners winners = new()
        {
            A = context.Input(0).Values,
            B = context.Input(1).Values,
            Relevance = relevance,
            ToA = context.Give(0).Values,
            ToB = context.Give(1).Values,
        };
        context.Device.Run(winners, relevance.Length, workPerEntry: 5);
    }

    /// <summary>The kernel, for every device.</summary>
    public unsafe struct Winners : IElementwise
    {
        public ArrayView<float> A;
        public ArrayView<float> B;
        public ArrayView<float> Relevance;
        public ArrayView<float> ToA;
        public ArrayView<float> ToB;

        public readonly void Run<TLane>(Share share)
            where TLane : struct, ILane<TLane>
        {
            float* a = A.Pointer();
            float* b = B.Pointer();
            float* relevance = Relevance.Pointer();
            float* toA = ToA.Pointer();
            float* toB = ToB.Pointer();
            for (long i = share.Begin; i < share.End; i += share.Step)
            {
                TLane x = TLane.Load(a + i);
                TLane y = TLane.Load(b + i);
                TLane all = TLane.Load(relevance + i);
                TLane half = all * TLane.All(0.5f);
                TLane none = TLane.All(0);
                TLane.Store(toA + i, TLane.WhereGreater(x, y, all, TLane.WhereGreater(y, x, none, half)));
                TLane.Store(toB + i, TLane.WhereGreater(y, x, all, TLane.WhereGreater(x, y, none, half)));
            }
        }
    }
}

public sealed class MaximumExample
{
    private static readonly RuleSet Rules = RuleSet.Backtrace.With(new MaximumRule());

    private static readonly BacktracerOptions Options = new()
    {
        Rules = RuleSet.Backtrace.With(new MaximumRule()),
        Operators = new Dictionary<string, Lowering> { ["fmax"] = LargerOf },
    };

    private static void LargerOf(OperatorCall call)
    {
        Value a = call[0].Tensor, b = call[1].Tensor;
        if (a.Shape.SequenceEqual(b.Shape))
            call.Emit(new Maximum(), [a, b]);
        else
            call.Refuse("of tensors of different shapes has no rule");
    }

    private static RuleCase Maximum(Random r)
    {
        long[] shape = [r.Next(1, 5), r.Next(1, 40)];
        return new RuleCase(new Maximum(), Oracle.Gradient, x => [torch.maximum(x[0], x[1])], shape, shape) { IsDistinct = true };
    }

    [Test]
    public void Agrees_with_torch_and_conserves_relevance([ValueSource(typeof(TestDevices), nameof(TestDevices.All))] string device, [Range(0, 9)] int seed)
    {
        using var scope = torch.NewDisposeScope();
        Random random = new(seed);
        RuleCase rule = Maximum(random);
        var node = rule.Node(random);
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, Rules);
        double[][] expected = rule.Expected(node);
        Assert.Multiple(() =>
        {
            for (int k = 0; k < 2; k++)
                Assert.That(outcome.Relevance[k]!.Data, Is.EqualTo(expected[k]).Within(1e-6));
            Assert.That(outcome.Total, Is.EqualTo(node.Relevance[0]!.Sum).Within(1e-5));
        });
    }

    [Test]
    public void Explains_a_model_that_uses_it()
    {
        using var scope = torch.NewDisposeScope();
        using Backtracer backtracer = new(null, x => [torch.fmax(x[0], x[1])], options: Options);
        torch.Tensor a = torch.tensor(new float[] { 1, 5, 2 }).reshape(1, 3), b = torch.tensor(new float[] { 3, 4, 2 }).reshape(1, 3);
        using Explanation e = backtracer.Explain([a, b], Target.Custom([1, 2, 4]));
        Assert.Multiple(() =>
        {
            Assert.That(e.Inputs[0].data<float>().ToArray(), Is.EqualTo(new float[] { 0, 2, 2 }));
            Assert.That(e.Inputs[1].data<float>().ToArray(), Is.EqualTo(new float[] { 1, 0, 2 }));
        });
    }

    [Test]
    public void Refuses_other_shapes()
    {
        using var scope = torch.NewDisposeScope();
        using Backtracer backtracer = new(null, x => [torch.fmax(x[0], x[1])], options: Options);
        Assert.That(() => backtracer.Explain([torch.ones(1, 3), torch.ones(1, 1)], Target.Argmax()), Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("fmax of tensors of different shapes"));
    }

    [Test]
    public void Stops_without_the_lowering_and_without_the_rule()
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor x = torch.ones(1, 3);
        Assert.Multiple(() =>
        {
            Assert.That(() => Explain(new BacktracerOptions()), Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("fmax: fmax has no rule"));
            Assert.That(() => Explain(Options with { Rules = RuleSet.Backtrace }), Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("Maximum has no rule in this rule set"));
        });

        void Explain(BacktracerOptions options)
        {
            using Backtracer backtracer = new(null, y => [torch.fmax(y[0], y[1])], options: options);
            backtracer.Explain([x, x + 1], Target.Argmax()).Dispose();
        }
    }

    [Test]
    public void Lowers_to_gpus()
    {
        MethodInfo entry = Kernels.KernelInstances.EntryPoint(typeof(MaximumRule.Winners));
        Assert.Multiple(() =>
        {
            Assert.That(Kernels.Lowering.ToPtx(entry), Does.Contain(".visible .entry"));
            Assert.That(Kernels.Lowering.ToOpenCl(entry), Does.Contain("kernel void"));
        });
    }
}
