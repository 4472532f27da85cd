using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>Without epsilon, LRP of a network of ReLUs is gradient x input, and what biases take is gradient x bias.</summary>
public sealed class LrpGradientTests
{
    private static readonly BacktracerOptions Options = new() { Rules = RuleSet.LrpEpsilon(0), LedgerPerSample = true };

    private static IEnumerable<string> Devices => TestDevices.All;

    [Test]
    public void OfDenseNetworks([ValueSource(nameof(Devices))] string device) => ForRandom(device == "cpu" ? 25 : 5, (random, draw) =>
    {
        int width = random.Next(3, 9), depth = random.Next(1, 5);
        List<Tensor> weights = [], biases = [];
        for (int k = 0; k <= depth; k++)
        {
            int outputs = k == depth ? 3 : width;
            weights.Add(draw([outputs, width]));
            biases.Add(draw([outputs]).requires_grad_());
        }

        Tensor Forward(Tensor x)
        {
            for (int k = 0; k < depth; k++)
            {
                Tensor y = F.linear(x, weights[k], biases[k]).relu();
                x = k % 2 == 1 ? x + y : y;
            }

            return F.linear(x, weights[depth], biases[depth]);
        }

        Check(Forward, draw([random.Next(1, 4), width]), random.Next(3), device, biases);
    });

    // One unit of 300 holds relevance: the rule runs on that.
    [Test]
    public void OfAWideHead([ValueSource(nameof(Devices))] string device) => ForRandom(3, (random, draw) =>
    {
        Tensor first = draw([64, 6]), head = draw([300, 64]);
        Tensor[] biases = [draw([64]).requires_grad_(), draw([300]).requires_grad_()];
        Check(x => F.linear(F.linear(x, first, biases[0]).relu(), head, biases[1]), draw([2, 6]), random.Next(300), device, biases);
    });

    [Test]
    public void OfConvolutionalNetworks([ValueSource(nameof(Devices))] string device) => ForRandom(device == "cpu" ? 20 : 4, (random, draw) =>
    {
        int channels = random.Next(2, 5);
        bool pooled = random.Next(2) == 0;
        Tensor first = draw([channels, 2, 3, 3]), second = draw([channels, channels, 3, 3]), head = draw([3, channels]), up = draw([channels, channels, 2, 2]);
        Tensor[] biases = [draw([channels]).requires_grad_(), draw([channels]).requires_grad_(), draw([3]).requires_grad_()];
        Tensor Forward(Tensor x)
        {
            x = F.conv2d(x, first, biases[0], strides: [1, 1], padding: [1, 1]).relu();
            x = pooled ? F.max_pool2d(x, [2, 2]) : F.avg_pool2d(x, [3, 3], [2, 2], [1, 1]);
            x = (x + F.conv2d(x, second, biases[1], padding: [1, 1])).relu();
            x = F.conv_transpose2d(x, up, null, [2, 2]).relu();
            x = F.interpolate(x, scale_factor: [2, 2], mode: InterpolationMode.Bilinear, align_corners: false);
            return F.linear(x.mean([2, 3]), head, biases[2]);
        }

        Check(Forward, draw([random.Next(1, 3), 2, 7, 8]), random.Next(3), device, biases);
    });

    [Test]
    public void OfAResidualNetworkWithBatchNormalisation([Values] bool functional, [ValueSource(nameof(Devices))] string device)
    {
        using var scope = NewDisposeScope();
        (NarrowResNet first, NarrowResNet second) = NarrowResNet.Pair();
        NarrowResNet model = functional ? first : second;
        Check(model.call, randn(2, 3, 32, 32, generator: new Generator().manual_seed(4)), 3, device, null, model);
    }

    [Test]
    public void OfResNet20()
    {
        using var scope = NewDisposeScope();
        using ModelPackage package = ModelPackage.Load("resnet20");
        Check(package.Module.call, randn(2, 3, 32, 32, generator: new Generator().manual_seed(5)), 6, "cpu", null, package.Module);
    }

    // The first normalisation reads the input, the second a value with two uses: neither can be merged. The third follows a dense layer.
    [Test]
    public void OfBatchNormalisationThatCannotBeMerged([ValueSource(nameof(Devices))] string device)
    {
        using var scope = NewDisposeScope();
        using Net model = Unmergeable(out Tensor x);
        Check(model.call, x, 1, device, null, model);
    }

    [Test]
    public void ButNotOfBatchNormalisationAsAnIdentity()
    {
        using var scope = NewDisposeScope();
        using Net model = Unmergeable(out Tensor x);
        using Explanation proper = Explaining.Explain(model, x, Start(1), Options);
        using Explanation passing = Explaining.Explain(model, x, Start(1), Options with { Rules = Options.Rules.With(new Passing()), LedgerTolerance = 1 });
        Assert.That(Deviation.Of(passing.Input.Floats(), proper.Input.Floats()), Is.GreaterThan(0.05));
    }

    [Test]
    public void AMergedNormalisationIsPartOfItsLayer()
    {
        using var scope = NewDisposeScope();
        using ModelPackage package = ModelPackage.Load("resnet20");
        Tensor x = randn(1, 3, 32, 32);
        using Explanation merged = Explaining.Explain(package.Module, x, Start(2), new BacktracerOptions { Rules = RuleSet.LrpEpsilonPlus() });
        using Explanation apart = Explaining.Explain(package.Module, x, Start(2));
        Assert.That(merged.Ledger.Lines.Where(l => l.Operator == "batch_norm").Select(l => l.Out[0] - l.In[0]), Has.Exactly(19).Items.And.All.Zero);
        Assert.That(apart.Ledger.Lines.Count(l => l.Operator == "batch_norm"), Is.EqualTo(19));
        Assert.That(merged.Ledger.Lines.Where(l => l.Operator == "Conv2d").Sum(l => Math.Abs(l.Bias[0])), Is.GreaterThan(0), "the shift is its bias");
    }

    [Test]
    public void ContrastiveModeRunsEachStreamByItself()
    {
        using var scope = NewDisposeScope();
        Tensor weight = randn(4, 6), head = randn(2, 4), x = randn(1, 6);
        Tensor Forward(Tensor t) => F.linear(F.linear(t, weight).relu(), head);
        using Explanation both = Explaining.Explain(Forward, x, Target.Custom([1, 0], [0, 2]), Options with { Mode = Mode.Contrastive });
        using Explanation first = Explaining.Explain(Forward, x, Target.Custom([1, 0]), Options), second = Explaining.Explain(Forward, x, Target.Custom([0, 2]), Options);
        Explaining.AssertSame(both.Streams[0].Input, first.Input);
        Explaining.AssertSame(both.Streams[1].Input, second.Input);
    }

    [Test]
    public void WhatARuleForgetsIsStillFound()
    {
        using var scope = NewDisposeScope();
        Tensor weight = randn(4, 6), x = randn(1, 6);
        BacktracerOptions forgetful = new() { Rules = RuleSet.LrpEpsilon().With(new Forgetting()) };
        Assert.That(() => Explaining.Explain(t => F.linear(t, weight).relu(), x, Target.Custom([1, 1, 1, 1]), forgetful), Throws.TypeOf<LedgerException>());
    }

    private static Net Unmergeable(out Tensor x)
    {
        Generator generator = new Generator().manual_seed(6);
        var norms = new[] { nn.BatchNorm2d(2), nn.BatchNorm2d(3) };
        var last = nn.BatchNorm1d(5);
        foreach (Tensor buffer in norms.SelectMany(n => new[] { n.running_mean!, n.bias! }).Concat([last.running_mean!, last.bias!]))
            buffer.detach().copy_(randn(buffer.shape, generator: generator) * 0.5);
        foreach (Tensor buffer in norms.SelectMany(n => new[] { n.running_var!, n.weight! }).Concat([last.running_var!, last.weight!]))
            buffer.detach().copy_(rand(buffer.shape, generator: generator) + 0.5);
        var convolution = nn.Conv2d(2, 3, 3, padding: 1);
        var linear = nn.Linear(3, 5);
        Tensor noise = randn(3, 5, generator: generator);
        x = randn(2, 2, 5, 5, generator: generator);
        return new Net(
            t =>
            {
                Tensor y = convolution.call(norms[0].call(t).relu());
                Tensor z = (norms[1].call(y) + y).relu();
                return F.linear(last.call(linear.call(z.mean([2, 3]))).relu(), noise);
            },
            ("first", norms[0]), ("second", norms[1]), ("last", last), ("convolution", convolution), ("linear", linear));
    }

    private static Target Start(int target) => Target.Class(target) with { Scaler = null };

    private static void Check(Func<Tensor, Tensor> forward, Tensor x, int target, string device, IReadOnlyList<Tensor>? biases = null, nn.Module? model = null)
    {
        using Explanation e = model is null
            ? Explaining.Explain(forward, x, Start(target), Options, device) : Explaining.Explain(model, x, Start(target), Options, device);
        Tensor input = x.detach().clone().requires_grad_();
        Tensor score = forward(input).select(1, target);
        IList<Tensor> gradients = autograd.grad([score.sum()], [input, .. biases ?? []], allow_unused: true);
        Tensor expected = (input * gradients[0]).detach();
        Explaining.AssertSame(e.Input, expected, 2e-4);
        double size = expected.abs().sum().item<float>();
        for (int n = 0; n < x.shape[0]; n++)
        {
            double sum = expected[n].sum().item<float>(), start = score[n].item<float>();
            Assert.That(e.Ledger.Start[n], Is.EqualTo(start).Within(1e-5 * Math.Abs(start)));
            Assert.That(e.Ledger.Bias[n], Is.EqualTo(start - sum).Within(2e-4 * (size + Math.Abs(start))), "what is not in the input is in the biases");
        }

        if (biases is not null)
        {
            double toBiases = biases.Zip(gradients.Skip(1), (b, g) => g.IsInvalid ? 0 : (b * g).sum().item<float>()).Sum();
            Assert.That(e.Ledger.Bias.Sum(), Is.EqualTo(toBiases).Within(2e-4 * (size + Math.Abs(toBiases))));
        }
    }

    private static void ForRandom(int count, Action<Random, Func<long[], Tensor>> check) => Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), seed =>
    {
        using var scope = NewDisposeScope();
        Generator generator = new Generator().manual_seed(seed);
        check(new Random(seed), shape => randn(shape, generator: generator));
    }).Check(Seeded.Cases(count));

    private sealed class Passing : StreamwiseRule<BatchNormalisation>
    {
        protected override void Apply(RuleContext context, BatchNormalisation operation) => context.Pass(0);
    }

    private sealed class Forgetting : StreamwiseRule<Identity>
    {
        protected override void Apply(RuleContext context, Identity operation)
        {
            DeviceTensor given = context.Give(0);
            context.Device.Run(new Fill { Target = given.Values, Value = 0 }, given.Length);
        }
    }
}
