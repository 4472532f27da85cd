using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using ILGPU;
using NUnit.Framework;
using TorchSharp;

namespace Backtrace.Gpu.Tests.Docs;

// An example of docs/adding-a-rule.md: another rule for an operation that has one, everywhere or at one layer.

/// <summary>Every operand of a sum gets the same part, whatever its values.</summary>
public sealed class EqualAddRule : StreamwiseRule<Add>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Add operation)
    {
        DeviceTensor relevance = context.Relevance();
        int operands = context.InputCount;
        if (Enumerable.Range(0, operands).Any(k => DeviceTensor.Count(context.InputShape(k)) != relevance.Length))
        {
            RuleSet.Backtrace.Find(operation)!.Apply(context); // broadcast operands: as before
            return;
        }

        for (int k = 0; k < operands; k++)
        {
            Part part = new() { Source = relevance.Values, Target = context.Give(k).Values, Factor = 1f / operands };
            context.Device.Run(part, relevance.Length, workPerEntry: 2);
        }
    }

    /// <summary>r·f.</summary>
    public unsafe struct Part : IElementwise
    {
        public ArrayView<float> Source;
        public ArrayView<float> Target;
        public float Factor;

        public readonly void Run<TLane>(Share share)
            where TLane : struct, ILane<TLane>
        {
            float* source = Source.Pointer();
            float* target = Target.Pointer();
            for (long i = share.Begin; i < share.End; i += share.Step)
                TLane.Store(target + i, TLane.Load(source + i) * TLane.All(Factor));
        }
    }
}

public sealed class EqualAddExample
{
    [Test]
    public void Replaces_the_rule_of_sums()
    {
        using var scope = torch.NewDisposeScope();
        BacktracerOptions options = new() { Rules = RuleSet.Backtrace.With(new EqualAddRule()) };
        using Backtracer backtracer = new(null, x => [x[0] + x[1]], options: options);
        torch.Tensor small = torch.tensor(new float[] { 1, 1 }).reshape(1, 2), large = torch.tensor(new float[] { 9, 0 }).reshape(1, 2);
        using Explanation e = backtracer.Explain([small, large], Target.Custom([4, 6]));
        Assert.Multiple(() =>
        {
            Assert.That(e.Inputs[0].data<float>().ToArray(), Is.EqualTo(new float[] { 2, 3 }));
            Assert.That(e.Inputs[1].data<float>().ToArray(), Is.EqualTo(new float[] { 2, 3 }));
        });
    }

    [Test]
    public void Serves_one_layer_only()
    {
        using var scope = torch.NewDisposeScope();
        BacktracerOptions options = new() { Rules = RuleSet.Backtrace.With("Add#2", new EqualAddRule()) };
        using Backtracer backtracer = new(null, x => [x[0] + x[1] + x[2]], options: options);
        torch.Tensor[] inputs = [torch.ones(1, 1), torch.full([1, 1], 3f), torch.full([1, 1], 100f)];
        using Explanation e = backtracer.Explain(inputs, Target.Custom([8]));
        Assert.That(e.Inputs.Select(i => i.item<float>()), Is.EqualTo(new float[] { 1, 3, 4 }));
    }

    [Test]
    public void Leaves_broadcast_operands_to_the_canonical_rule()
    {
        using var scope = torch.NewDisposeScope();
        BacktracerOptions options = new() { Rules = RuleSet.Backtrace.With(new EqualAddRule()) };
        using Backtracer backtracer = new(null, x => [x[0] + x[1]], options: options);
        torch.Tensor row = torch.tensor(new float[] { 1, 1 }).reshape(1, 2), one = torch.tensor(new float[] { 3 }).reshape(1, 1);
        using Explanation e = backtracer.Explain([row, one], Target.Custom([4, 8]));
        Assert.Multiple(() =>
        {
            Assert.That(e.Inputs[0].data<float>().ToArray(), Is.EqualTo(new float[] { 1, 2 }));
            Assert.That(e.Inputs[1].data<float>().ToArray(), Is.EqualTo(new float[] { 9 }));
        });
    }
}
