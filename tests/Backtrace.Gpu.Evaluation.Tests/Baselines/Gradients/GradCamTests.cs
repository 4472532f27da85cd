using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Gradients;

public sealed class GradCamTests
{
    // Two channels of a 1x1 convolution, x and -x, of a 2x2 picture; the score is 3 sum(first) + 1 sum(second) - 0.5 first[0].
    private static readonly float[] Picture = [1, 2, -3, 4];

    [TestCase(true)]
    [TestCase(false)]
    public void ChannelsAreWeightedByTheirMeanGradients(bool relu)
    {
        using Net net = new();
        using Samples samples = Samples();
        using GradCamExplainer explainer = new(new ExplainedModel(net), new() { Relu = relu });
        float weight = (2.5f + 3 + 3 + 3) / 4 - 1; // of x: first less second
        float[] expected = [.. Picture.Select(x => weight * x).Select(x => relu ? Math.Max(0, x) : x)];
        Assert.That(Small.Explain(explainer, samples), Is.EqualTo(expected).Within(1e-6));
    }

    // sum(first) = 4, sum(second) = -4: alpha = 1 / (2 + 4 g) and 1 / (2 - 4 g).
    [Test]
    public void PlusPlusWeightsPlacesByTheirShare()
    {
        using Net net = new();
        using Samples samples = Samples();
        using GradCamPlusPlusExplainer explainer = new(new ExplainedModel(net));
        float first = 2.5f / 12 + 3 * 3f / 14, second = 4 * 1f / -2;
        float[] expected = [.. Picture.Select(x => Math.Max(0, (first - second) * x))];
        Assert.That(Small.Explain(explainer, samples), Is.EqualTo(expected).Within(1e-6));
    }

    [Test]
    public void MapsAreScaledUpAndPartedAmongChannels()
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", "resnet20"));
        ExplainedModel model = new(package.Module);
        using Samples samples = Small.Draw(10, 3, 3, 32, 32);
        using Features pixels = Features.Pixels(3, 32, 32);
        using GradCamExplainer usual = new(model, new() { Layer = "layer3", Relu = false }), pairs = new(model, new() { Layer = "layer3", Relu = false, Batch = 2 }), last = new(model);
        using Tensor attributions = usual.Explain(samples), sums = pixels.Sum(attributions);
        Assert.Multiple(() =>
        {
            Assert.That(Deviation.Of(Small.Numbers(sums.view(3, 1, 32, 32) / 3), Small.Numbers(attributions.narrow(1, 1, 1))), Is.LessThan(1e-6));
            Assert.That(attributions[0, 0, 0, 0].item<float>(), Is.EqualTo(attributions[0, 0, 1, 1].item<float>()), "bilinear: corners are flat");
            Assert.That(Small.Numbers(attributions.narrow(1, 0, 1)).Distinct().Count(), Is.GreaterThan(3 * 64), "bilinear: more numbers than the layer has places");
            Assert.That(Deviation.Of(Small.Explain(pairs, samples), Small.Numbers(attributions.alias())), Is.LessThan(1e-5));
            Assert.That(Small.Explain(last, samples), Is.Not.EqualTo(Small.Numbers(attributions.alias())), "another layer");
        });
    }

    [Test]
    public void TheLastConvolutionIsTheDefault()
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", "resnet20"));
        ExplainedModel model = new(package.Module);
        using Samples samples = Small.Draw(11, 1, 3, 32, 32);
        using GradCamPlusPlusExplainer usual = new(model), named = new(model, new() { Layer = "layer3.2.conv2" }), other = new(model, new() { Layer = "layer3.2.conv1" });
        float[] expected = Small.Explain(named, samples);
        Assert.Multiple(() =>
        {
            Assert.That(Small.Explain(usual, samples), Is.EqualTo(expected));
            Assert.That(Small.Explain(other, samples), Is.Not.EqualTo(expected));
        });
    }

    [TestCase("nowhere", "no module 'nowhere'")]
    [TestCase("unused", "ran 0 times")]
    [TestCase("flatten", "[1, 4]")]
    [TestCase("aside", "do not depend")]
    public void LayersThatMakeNoMapAreNamed(string layer, string said)
    {
        using Net net = new();
        using Samples samples = Samples();
        Assert.That(
            () => Small.Explain(new GradCamExplainer(new ExplainedModel(net), new() { Layer = layer }), samples),
            Throws.TypeOf<ExplainerException>().With.Message.Contains(said));
    }

    [Test]
    public void ModelsWithoutConvolutionsAndInputsThatAreNoPicturesAreRefused()
    {
        using var linear = Small.Linear(new float[,] { { 1, 2 } });
        using Net net = new();
        using Samples rows = Small.Rows(new float[,] { { 1, 2 } });
        Assert.Multiple(() =>
        {
            Assert.That(() => new GradCamExplainer(new ExplainedModel(linear)), Throws.TypeOf<ExplainerException>().With.Message.Contains("no convolution"));
            Assert.That(() => new GradCamExplainer(new ExplainedModel(net)).Explain(rows), Throws.TypeOf<ExplainerException>().With.Message.Contains("[1, 2]"));
        });
    }

    private static Samples Samples() => new(tensor(Picture).view(1, 1, 2, 2), tensor(new long[] { 0 }), zeros(1, 1, 2, 2), Features.Each(1, 2, 2));

    private sealed class Net : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> unused = nn.Conv2d(1, 1, 1), aside = nn.Conv2d(1, 1, 1), flatten = nn.Flatten();
        private readonly TorchSharp.Modules.Conv2d conv = nn.Conv2d(1, 2, 1, bias: false);

        public Net() : base(nameof(Net))
        {
            RegisterComponents();
            using var quiet = no_grad();
            conv.weight!.copy_(tensor(new float[] { 1, -1 }).view(2, 1, 1, 1));
        }

        public override Tensor forward(Tensor input)
        {
            aside.call(input);
            Tensor channels = conv.call(input), first = flatten.call(channels.select(1, 0)), second = channels.select(1, 1).flatten(1);
            return 3 * first.sum(1, keepdim: true) + second.sum(1, keepdim: true) - 0.5 * first.narrow(1, 0, 1);
        }
    }
}
