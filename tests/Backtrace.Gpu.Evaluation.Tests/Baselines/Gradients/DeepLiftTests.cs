using System.Runtime.InteropServices;
using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Gradients;

public sealed class DeepLiftTests
{
    private static readonly Dictionary<string, Func<Tensor, Tensor>> Forms = new()
    {
        ["relu"] = x => nn.functional.relu(x),
        ["relu in place"] = x => (x * 1).relu_(),
        ["tanh"] = x => x.tanh(),
        ["sigmoid"] = x => x.sigmoid(),
        ["gelu"] = x => nn.functional.gelu(x),
        ["silu"] = x => nn.functional.silu(x),
        ["elu"] = x => nn.functional.elu(x, 1),
        ["leaky relu"] = x => nn.functional.leaky_relu(x, 0.1),
        ["softplus"] = x => nn.functional.softplus(x),
        ["hardtanh"] = x => nn.functional.hardtanh(x, -1, 1),
        ["hardswish"] = x => nn.functional.hardswish(x),
        ["clamp"] = x => x.clamp(-0.5, 0.5),
        ["max pooling"] = x => nn.functional.max_pool1d(x.view(-1, 2, 3), 2, stride: 1).flatten(1),
        ["overlapping windows"] = x => nn.functional.max_pool2d(x.view(-1, 1, 2, 3), [2, 2], strides: [1, 1], padding: [1, 1]).flatten(1),
        ["windows in volumes"] = x => nn.functional.max_pool3d(x.view(-1, 1, 1, 2, 3), [1, 2, 2], strides: [1, 1, 1]).flatten(1),
        ["windows in rows, with places"] = x => nn.functional.max_pool1d_with_indices(x.view(-1, 2, 3), 2, stride: 1).output.flatten(1),
        ["windows in volumes, with places"] = x => nn.functional.max_pool3d_with_indices(x.view(-1, 1, 1, 2, 3), [1, 2, 2], strides: [1, 1, 1]).output.flatten(1),
        ["adaptive pooling of rows"] = x => nn.functional.adaptive_max_pool1d_with_indices(x.view(-1, 2, 3), 2).Values.flatten(1),
        ["adaptive pooling"] = x => nn.functional.adaptive_max_pool2d_with_indices(x.view(-1, 1, 2, 3), [1, 2]).Values.flatten(1),
    };

    private static IEnumerable<string> Names => Forms.Keys;

    // Two units of x = (1, 2) from (0, 0): relu(x1 + x2 - 1) rises from 0 to 2 as its sum rises by 3, relu(x2 - x1) by 1 with it.
    [Test]
    public void OfASmallNetTheSlopesAreKnown()
    {
        using var net = nn.Sequential(("a", Small.Linear(new float[,] { { 1, 1 }, { -1, 1 } }, [-1, 0])), ("b", nn.ReLU()), ("c", Small.Linear(new float[,] { { 3, 1 } })));
        using Samples samples = Small.Rows(new float[,] { { 1, 2 } });
        using DeepLiftExplainer explainer = new(new ExplainedModel(net));
        float slope = 2 / 3f;
        Assert.That(Small.Explain(explainer, samples), Is.EqualTo(new[] { 3 * slope - 1, 2 * (3 * slope + 1) }).Within(1e-6));
    }

    [Test]
    public void OfALinearModelTheyAreIntegratedGradients()
    {
        using var linear = Small.Linear(new float[,] { { 1, -2, 3 }, { 4, 5, -6 } }, [7, 8]);
        ExplainedModel model = new(linear);
        using Samples samples = Small.Draw(20, 3, 3);
        using DeepLiftExplainer lift = new(model, new() { Baseline = Baseline.Absent });
        using IntegratedGradientsExplainer integrated = new(model, new() { Baseline = Baseline.Absent }), other = new(model);
        float[] attributions = Small.Explain(lift, samples);
        Assert.Multiple(() =>
        {
            Assert.That(Deviation.Of(attributions, Small.Explain(integrated, samples)), Is.LessThan(1e-5));
            Assert.That(Deviation.Of(attributions, Small.Explain(other, samples)), Is.GreaterThan(0.01), "another baseline");
        });
    }

    [TestCaseSource(nameof(Names))]
    public void AttributionsAddUpThroughEachForm(string form) => Prop.ForAll(Gen.Choose(0, 10_000).ToArbitrary(), seed =>
    {
        using Mlp before = Small.Mlp(seed, [4, 6], Activation.None);
        using Generator generator = new((ulong)seed);
        using Tensor weight = randn(2, 20, dtype: float32, generator: generator);
        using Lambda net = new(x => Weigh(Forms[form](before.call(x)), weight), before);
        ExplainedModel model = new(net);
        using Samples samples = Small.Draw(seed + 1, 3, 4);
        using DeepLiftExplainer explainer = new(model, new() { Baseline = seed % 2 == 0 ? Baseline.Absent : Baseline.Zero });
        using Tensor attributions = explainer.Explain(samples);
        Assert.That(Small.Numbers(explainer.ConvergenceDelta(samples, attributions)), Has.All.EqualTo(0).Within(2e-4));
    }).Check(Seeded.Cases(12));

    [TestCase("resnet20", 3, 32)]
    [TestCase("mnist-mlp", 0, 784)]
    [TestCase("lending-mlp", 0, 0)]
    public void AttributionsAddUpInTheShippedNetworks(string name, int channels, int side)
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", name));
        ExplainedModel model = new(package.Module);
        long width = side > 0 ? side : package.Module.parameters().First().shape[1];
        using Samples samples = channels > 0 ? Small.Draw(21, 2, channels, side, side) : Small.Draw(21, 2, width);
        using DeepLiftExplainer explainer = new(model);
        using Tensor attributions = explainer.Explain(samples), again = explainer.Explain(samples);
        using GradientTimesInputExplainer gradient = new(model);
        using Tensor other = gradient.Explain(samples);
        using Tensor scores = model.ScoresInBatches(samples.Input);
        float scale = scores.abs().max().item<float>();
        Assert.Multiple(() =>
        {
            Assert.That(Small.Numbers(explainer.ConvergenceDelta(samples, attributions)), Has.All.EqualTo(0).Within(1e-3 * scale));
            Assert.That(Small.Numbers(explainer.ConvergenceDelta(samples, other)).Max(Math.Abs), Is.GreaterThan(1e-2 * scale), "gradient times input does not add up");
            Assert.That(again.equal(attributions).all().item<bool>(), Is.True);
        });
    }

    [Test]
    public void WhereNothingDiffersTheGradientRemains()
    {
        using Lambda net = new(x => (x.tanh() * 3).sum(1, keepdim: true));
        ExplainedModel model = new(net);
        using Rescaling rescaling = new("test", model);
        using Tensor x = tensor(new float[] { 0, 1 }).view(1, 2), target = zeros(1, int64), same = x.clone();
        using Tensor multipliers = rescaling.Multipliers(x, same, x, target);
        double slope = 3 * (1 - Math.Pow(Math.Tanh(1), 2));
        Assert.That(Small.Numbers(multipliers.alias()), Is.EqualTo(new[] { 3, slope }).Within(1e-6));
    }

    [Test]
    public void OfTokensTheGapOfAttentionIsTold()
    {
        using ModelPackage package = ModelPackage.Load(Small.Bert);
        using Samples samples = Small.Sentences();
        using DeepLiftExplainer explainer = new(Small.Model(package), new() { Baseline = Baseline.Absent });
        using Tensor attributions = explainer.Explain(samples);
        float[] deltas = Small.Numbers(explainer.ConvergenceDelta(samples, attributions));
        Assert.Multiple(() =>
        {
            Assert.That(attributions[0, 0].item<float>(), Is.Zero, "[CLS] stays");
            Assert.That(attributions.isfinite().all().item<bool>(), Is.True);
            Assert.That(deltas.Max(Math.Abs), Is.GreaterThan(1e-3), "softmax and normalisation keep their gradients");
        });
    }

    [Test]
    public void AnotherWayAtTheBaselineIsRefused()
    {
        using Lambda net = new(x => x.sum().item<float>() > 0 ? x.tanh().relu() : x.relu());
        using Samples samples = Small.Rows(new float[,] { { 1 } });
        using DeepLiftExplainer explainer = new(new ExplainedModel(net));
        Assert.That(() => explainer.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("another way"));
    }

    [Test]
    public void AnActivationInPlaceWhoseGradientIsLostIsRefusedByName()
    {
        using Lambda part = new(x => x.sigmoid_()), net = new(x => part.call(x * 1), part);
        using Samples samples = Small.Draw(1, 1, 2);
        using DeepLiftExplainer explainer = new(new ExplainedModel(net));
        Assert.That(() => explainer.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("'part0' computes sigmoid in place"));
    }

    // An operator that fails ends without results.
    [TestCase("relu")]
    [TestCase("max pooling")]
    public void AnOperatorThatFailsSaysSo(string form)
    {
        using Lambda net = new(x => form == "relu" ? nn.functional.prelu(x, ones(3)) : nn.functional.max_pool1d(x.unsqueeze(1), 5).flatten(1));
        using Samples samples = Small.Draw(1, 1, 2);
        using DeepLiftExplainer lift = new(new ExplainedModel(net));
        using GuidedBackpropagationExplainer guided = new(new ExplainedModel(net));
        Assert.That(() => lift.Explain(samples), Throws.TypeOf<ExternalException>());
        Assert.That(() => guided.Explain(samples), Throws.TypeOf<ExternalException>());
    }

    [Test]
    public void DeepShapIsTheMeanOverTheBackground()
    {
        using Mlp mlp = Small.Mlp(22, [3, 6, 2], Activation.Relu);
        ExplainedModel model = new(mlp);
        using Samples samples = Small.Draw(22, 3, 3);
        using Tensor background = randn([5, 3], dtype: float32, generator: new Generator(4));
        using DeepShapExplainer whole = new(model, background), parts = new(model, background, batch: 2);
        float[] sum = new float[9];
        for (int b = 0; b < 5; b++)
        {
            using Samples against = samples with { Input = samples.Input.clone(), Targets = samples.Targets.clone(), Absent = background.narrow(0, b, 1).clone() };
            using DeepLiftExplainer one = new(model, new() { Baseline = Baseline.Absent });
            sum = [.. sum.Zip(Small.Explain(one, against), (a, c) => a + c / 5)];
        }

        float[] attributions = Small.Explain(whole, samples);
        using Tensor scores = model.ScoresInBatches(samples.Input), usual = model.ScoresInBatches(background).mean([0]);
        Assert.Multiple(() =>
        {
            Assert.That(Deviation.Of(attributions, sum), Is.LessThan(1e-5));
            Assert.That(Deviation.Of(Small.Explain(parts, samples), sum), Is.LessThan(1e-5));
            Assert.That(attributions.Take(3).Sum(), Is.EqualTo((scores[0, 0] - usual[0]).item<float>()).Within(1e-4));
            Assert.That(whole.Name, Is.EqualTo("DeepSHAP (5)"));
        });
    }

    [Test]
    public void ABackgroundOfOtherInputsIsRefused()
    {
        using var linear = Small.Linear(new float[,] { { 1, 2 } });
        ExplainedModel model = new(linear);
        using Samples samples = Small.Draw(1, 1, 2);
        using Tensor wide = zeros(4, 3), none = zeros(0, 2);
        using DeepShapExplainer explainer = new(model, wide);
        Assert.Multiple(() =>
        {
            Assert.That(() => explainer.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("[4, 3]"));
            Assert.That(() => new DeepShapExplainer(model, none), Throws.ArgumentException);
        });
    }

    private static Tensor Weigh(Tensor x, Tensor weight) => x.matmul(weight.narrow(1, 0, x.shape[1]).t());
}
