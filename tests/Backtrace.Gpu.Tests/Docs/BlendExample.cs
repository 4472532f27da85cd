using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using ILGPU;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Docs;

// An example of docs/adding-a-rule.md: a rule for a module, whatever it computes inside.

public sealed class Blend : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly Parameter share = nn.Parameter(tensor(0.25f));

    public Blend()
        : base("Blend") => RegisterComponents();

    public override Tensor forward(Tensor a, Tensor b) => lerp(a, b, share);
}

/// <summary>A mean of two tensors with a learned weight.</summary>
public sealed record Blending : Operation
{
    /// <inheritdoc/>
    public override string Name => "Blend";
}

/// <summary>Each of the two gets the part of the relevance that it is of the mean.</summary>
public sealed class BlendingRule : StreamwiseRule<Blending>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Blending operation)
    {
        ArrayView<float> relevance = context.Relevance().Values;
        Parts parts = new()
        {
            Share = context.Parameter("share")!.Value.Values,
            Relevance = relevance,
            ToA = context.Give(0).Values,
            ToB = context.Give(1).Values,
        };
        context.Device.Run(parts, relevance.Length, workPerEntry: 3);
    }

    /// <summary>(1 − s)·r and s·r.</summary>
    public unsafe struct Parts : IElementwise
    {
        public ArrayView<float> Share;
        public ArrayView<float> Relevance;
        public ArrayView<float> ToA;
        public ArrayView<float> ToB;

        public readonly void Run<TLane>(Share share)
            where TLane : struct, ILane<TLane>
        {
            float* relevance = Relevance.Pointer();
            float* toA = ToA.Pointer();
            float* toB = ToB.Pointer();
            float s = *Share.Pointer();
            for (long i = share.Begin; i < share.End; i += share.Step)
            {
                TLane all = TLane.Load(relevance + i);
                TLane.Store(toA + i, all * TLane.All(1 - s));
                TLane.Store(toB + i, all * TLane.All(s));
            }
        }
    }
}

public sealed class BlendExample
{
    private sealed class Twice : nn.Module<Tensor, Tensor>
    {
        private readonly Blend blend = new();
        private readonly Func<Blend, Tensor, Tensor> run;

        public Twice(Func<Blend, Tensor, Tensor> run)
            : base("Twice")
        {
            this.run = run;
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => run(blend, x);
    }

    private static readonly BacktracerOptions Options = new()
    {
        Rules = RuleSet.Backtrace.With(new BlendingRule()),
        Modules = [ModuleLowering.Of<Blend>(_ => new Blending())],
    };

    [Test]
    public void Serves_the_module()
    {
        using var scope = NewDisposeScope();
        using Twice model = new((blend, x) => blend.call(x.select(1, 0), x.select(1, 1)));
        using Backtracer backtracer = new(model, options: Options);
        using Explanation e = backtracer.Explain(tensor(new float[] { 1, 2, 3, 4 }).reshape(1, 2, 2), Target.Custom([4, 8]));
        Assert.Multiple(() =>
        {
            Assert.That(e.Input.data<float>().ToArray(), Is.EqualTo(new float[] { 3, 6, 1, 2 }));
            Assert.That(e.Ledger.Lines[0].Node, Is.EqualTo("blend"));
        });
    }

    [Test]
    public void Stops_where_the_module_does_not_show_itself()
    {
        using var scope = NewDisposeScope();
        using Twice model = new((blend, x) => blend.forward(x.select(1, 0), x.select(1, 1)));
        using Backtracer backtracer = new(model, options: Options);
        Assert.That(() => backtracer.Explain(ones(1, 2, 2), Target.Argmax()), Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("'blend'").And.Message.Contains("run it with call"));
    }
}
