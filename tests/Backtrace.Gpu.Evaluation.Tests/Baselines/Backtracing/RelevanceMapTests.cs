using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Baselines.Gradients;
using Backtrace.Gpu.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Backtracing;

public sealed class RelevanceMapTests
{
    [Test]
    public void MapsAreTheEndsOfResidualBlocks()
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", "resnet20"));
        using Backtracer backtracer = new(package.Module);
        using Tensor picture = rand(1, 3, 32, 32);
        using RelevanceGraph graph = backtracer.Record([picture]);
        string[] expected = ["relu", .. from stage in new[] { 1, 2, 3 } from block in new[] { 0, 1, 2 } select $"layer{stage}.{block}.relu2"];
        Assert.Multiple(() =>
        {
            Assert.That(FeatureMaps.Of(graph).Select(map => map.Layer), Is.EqualTo(expected));
            Assert.That(FeatureMaps.Of(graph).Select(map => map.Height), Is.EqualTo(new long[] { 32, 32, 32, 32, 16, 16, 16, 8, 8, 8 }));
        });
    }

    // Two resolutions: two maps of 8 x 8, which are averaged, and one of 4 x 4, whatever their totals.
    [Test]
    public void ResolutionsCountAlike()
    {
        using nn.Module<Tensor, Tensor> net = nn.Sequential(
            ("a", nn.Conv2d(2, 3, 3, padding: 1)), ("ra", nn.ReLU()), ("b", nn.Conv2d(3, 3, 3, padding: 1)), ("rb", nn.ReLU()),
            ("c", nn.Conv2d(3, 4, 2, stride: 2)), ("rc", nn.ReLU()), ("flat", nn.Flatten()), ("head", nn.Linear(64, 3)));
        net.eval();
        ExplainedModel model = new(net);
        using Samples samples = Small.Draw(5, 2, 2, 8, 8);
        using RelevanceMapExplainer explainer = new(model);
        using Backtracer backtracer = new(net, options: new BacktracerOptions { Rules = RuleSet.Faithful, Layers = ["ra", "rb", "rc"] });
        int[] classes = [.. samples.Targets.data<long>().Select(c => (int)c)];
        using Explanation explanation = backtracer.Explain(samples.Input, Target.Class(classes) with { Scaler = null });
        using DisposeScope scope = NewDisposeScope();
        Tensor Shares(Tensor map) => map / map.abs().sum([1, 2, 3], keepdim: true);
        Tensor Map(string layer) => Shares(nn.functional.interpolate(explanation[layer].sum(1, keepdim: true), [8, 8], mode: InterpolationMode.Bilinear, align_corners: false));
        Tensor expected = GaussianBlur.Of(Shares(Map("ra") + Map("rb")) + Map("rc"), 0.5) / 2;
        Assert.That(Deviation.Of(Small.Explain(explainer, samples), Small.Numbers(expected.expand(2, 2, 8, 8))), Is.LessThan(1e-5));
    }

    [Test]
    public void ModelsWithoutMapsAreRefused()
    {
        using nn.Module<Tensor, Tensor> flat = nn.Sequential(("flat", nn.Flatten()), ("head", nn.Linear(12, 2)));
        using nn.Module<Tensor, Tensor> rows = Small.Linear(new float[,] { { 1, 2 } });
        using Samples pictures = Small.Draw(5, 1, 3, 2, 2), row = Small.Rows(new float[,] { { 1, 2 } });
        using RelevanceMapExplainer ofPictures = new(new ExplainedModel(flat)), ofRows = new(new ExplainedModel(rows));
        Assert.Multiple(() =>
        {
            Assert.That(() => ofPictures.Explain(pictures), Throws.TypeOf<ExplainerException>().With.Message.Contains("no feature map"));
            Assert.That(() => ofRows.Explain(row), Throws.TypeOf<ExplainerException>().With.Message.Contains("[1, 2]"));
        });
    }
}
