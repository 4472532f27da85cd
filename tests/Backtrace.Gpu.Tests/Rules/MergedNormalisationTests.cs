using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Lrp;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>Batch normalisations that LRP merges into the layer before them still go by their names.</summary>
public sealed class MergedNormalisationTests
{
    private static readonly RuleSet Gamma = RuleSet.LrpGamma();

    [Test]
    public void TheRelevanceOfAMergedNormalisationCanBeAskedFor()
    {
        using var scope = NewDisposeScope();
        using Net model = Convolutional(out Tensor x);
        using Explanation plain = Explain(model, x, Gamma), asked = Explain(model, x, Gamma, "norm", "convolution", "relu");
        Assert.That(asked.Input.Floats(), Is.EqualTo(plain.Input.Floats()), "asking changes nothing");
        Assert.That(asked["norm"].Floats(), Is.EqualTo(asked["relu"].Floats()), "what the next one handed on");
        Assert.That(asked["convolution"].Floats(), Is.EqualTo(asked["norm"].Floats()), "the layer makes what the normalisation made");
    }

    [Test]
    public void AMergedNormalisationHandsOnAllThatItGets()
    {
        using var scope = NewDisposeScope();
        using Net model = Convolutional(out Tensor x);
        using Explanation e = Explain(model, x, Gamma);
        LedgerLine norm = e.Ledger.Lines.Single(line => line.Node == "norm"), convolution = e.Ledger.Lines.Single(line => line.Node == "convolution");
        Assert.Multiple(() =>
        {
            Assert.That(norm.Out, Is.EqualTo(norm.In));
            Assert.That((norm.Bias[0], norm.Dropped[0]), Is.EqualTo((0f, 0f)));
            Assert.That(convolution.Bias[0], Is.Not.Zero, "the shift is its bias");
        });
    }

    [Test]
    public void ANormalisationWithARuleOfItsOwnIsNotMerged()
    {
        using var scope = NewDisposeScope();
        using Net model = Convolutional(out Tensor x);
        const float epsilon = 0.5f;
        using Explanation e = Explain(model, x, Gamma.With("norm", new LrpBatchNormalisationRule(epsilon)), "norm", "convolution");
        Dictionary<string, nn.Module> parts = model.named_children().ToDictionary(part => part.name, part => part.module);
        var norm = (BatchNorm2d)parts["norm"];
        Tensor z = ((Conv2d)parts["convolution"]).call(x), y = norm.call(z);
        Tensor scale = (norm.weight! / (norm.running_var! + norm.eps).sqrt()).reshape(1, -1, 1, 1);
        Explaining.AssertSame(e["convolution"], e["norm"] * scale * z / (y + epsilon * y.sign()), 1e-5);
    }

    [Test]
    public void AnyRuleOfItsOwnServesIt()
    {
        using var scope = NewDisposeScope();
        using Net model = Convolutional(out Tensor x);
        using Explanation e = Explain(model, x, Gamma.With("norm", new Dropping()));
        Assert.That(e.Input.Floats(), Is.All.Zero);
    }

    // Folded by hand: weights are [I, O/groups, kernel].
    [Test]
    public void TransposedConvolutionsMergeToo([Values(1, 2)] int groups, [Values(1, 2, 3)] int axes)
    {
        using var scope = NewDisposeScope();
        Generator generator = new Generator().manual_seed(8);
        const int inputs = 4, outputs = 6;
        long[] kernel = [.. Enumerable.Repeat(2L, axes)], strides = [.. Enumerable.Repeat(2L, axes)], perChannel = [1, -1, .. Enumerable.Repeat(1L, axes)];
        Tensor weight = randn([inputs, outputs / groups, .. kernel], generator: generator), bias = randn(outputs, generator: generator);
        Tensor mean = randn(outputs, generator: generator), variance = rand(outputs, generator: generator) + 0.5;
        Tensor factor = randn(outputs, generator: generator), shift = randn(outputs, generator: generator);
        Tensor x = randn([2, inputs, .. Enumerable.Repeat(3L, axes)], generator: generator);
        Tensor scale = factor / (variance + 1e-5).sqrt();
        Tensor folded = cat([.. weight.chunk(groups).Zip(scale.chunk(groups), (w, s) => w * s.reshape(perChannel))]), moved = (bias - mean) * scale + shift;
        Tensor Up(Tensor t, Tensor w, Tensor b) => axes switch
        {
            1 => F.conv_transpose1d(t, w, b, stride: 2, groups: groups),
            2 => F.conv_transpose2d(t, w, b, strides, groups: groups),
            _ => F.conv_transpose3d(t, w, b, strides, groups: groups),
        };

        BacktracerOptions options = new() { Rules = Gamma };
        Target start = Explaining.Seed(Up(x, weight, bias));
        using Explanation merged = Explaining.Explain(t => F.batch_norm(Up(t, weight, bias), mean, variance, factor, shift).relu(), x, start, options);
        using Explanation expected = Explaining.Explain(t => Up(t, folded, moved).relu(), x, start, options);
        Explaining.AssertSame(merged.Input, expected.Input, 1e-5);
        Assert.That(merged.Ledger.Bias[0], Is.EqualTo(expected.Ledger.Bias[0]).Within(1e-4 * Math.Abs(expected.Ledger.Bias[0])));
    }

    private static Explanation Explain(Net model, Tensor x, RuleSet rules, params string[] layers) =>
        Explaining.Explain(model, x, Target.Class(1) with { Scaler = null }, new BacktracerOptions { Rules = rules, Layers = layers });

    private static Net Convolutional(out Tensor x)
    {
        Generator generator = new Generator().manual_seed(7);
        random.manual_seed(7);
        var convolution = nn.Conv2d(2, 3, 3);
        var norm = nn.BatchNorm2d(3);
        var relu = nn.ReLU();
        var head = nn.Linear(3, 2);
        norm.running_mean!.copy_(randn(3, generator: generator));
        norm.running_var!.copy_(rand(3, generator: generator) + 0.5);
        norm.bias!.detach().copy_(randn(3, generator: generator));
        x = randn(2, 2, 6, 6, generator: generator);
        return new Net(
            t => head.call(relu.call(norm.call(convolution.call(t))).mean([2, 3])),
            ("convolution", convolution), ("norm", norm), ("relu", relu), ("head", head));
    }

    private sealed class Dropping : StreamwiseRule<BatchNormalisation>
    {
        protected override void Apply(RuleContext context, BatchNormalisation operation)
        {
            DeviceTensor given = context.Give(0);
            context.Device.Run(new Fill { Target = given.Values, Value = 0 }, given.Length);
            context.Keep(LedgerEntry.Dropped, new ValueTerm { Values = context.Relevance().Values }, given.Length);
        }
    }
}
