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

    // The map is the same everywhere, so that the order of the pixels is that of their detail: what speaks for the target in their difference from the absent ones.
    [Test]
    public void DetailIsWhatADifferenceFromTheAbsentInputSpeaksFor()
    {
        using nn.Module<Tensor, Tensor> net = nn.Sequential(
            ("same", nn.Conv2d(2, 2, 1, bias: false)), ("pool", nn.AvgPool2d(2)), ("flat", nn.Flatten()), ("head", nn.Linear(8, 1, hasBias: false)));
        float[] towards = [1, -2];
        using DisposeScope scope = NewDisposeScope();
        using (no_grad())
        {
            net.get_parameter("same.weight")!.copy_(eye(2).view(2, 2, 1, 1));
            net.get_parameter("head.weight")!.copy_(tensor(towards).repeat_interleave(4).view(1, 8));
        }

        Tensor input = rand(1, 2, 4, 4) + 1, absent = rand(1, 2, 4, 4) + 1;
        using Samples samples = new(input, tensor(new long[] { 0 }), absent, Features.Pixels(2, 4, 4));
        using RelevanceMapExplainer plain = new(new ExplainedModel(net)), detailed = RelevanceMapExplainer.WithDetail(new ExplainedModel(net));

        // The score is linear without a convolution that mixes signs, so that the change of the score is the sum of the differences times the weights.
        Tensor detail = ((input - absent) * tensor(towards).view(1, 2, 1, 1)).sum(1, keepdim: true).clamp_min(0);
        Tensor map = plain.Explain(samples).sum(1, keepdim: true), expected = map / map.abs().sum() + 0.5f * detail / detail.sum();
        Assert.Multiple(() =>
        {
            Assert.That(detail.gt(0).sum().item<long>(), Is.InRange(1, 15));
            Assert.That(Deviation.Of(Small.Numbers(detailed.Explain(samples).sum(1, keepdim: true)), Small.Numbers(expected)), Is.LessThan(1e-5));
        });
    }

    [Test]
    public void WhatIsNeverTakenAwayHasNoDetailAndWhatIsZeroHas()
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", "resnet20"));
        ExplainedModel model = new(package.Module);
        using DisposeScope scope = NewDisposeScope();
        Tensor numbers = arange(32 * 32, int64).view(1, 32, 32).expand(3, 32, 32).clone();
        numbers[TensorIndex.Colon, TensorIndex.Slice(16, 32)] = tensor(-1L);
        Tensor input = randn(1, 3, 32, 32);
        input[TensorIndex.Colon, TensorIndex.Colon, TensorIndex.Slice(0, 8)] = tensor(0f);
        using Samples samples = new(input, tensor(new long[] { 3 }), ones(1, 3, 32, 32), new Features(numbers));
        using Samples same = samples with { Absent = input.clone() };
        using RelevanceMapExplainer explainer = RelevanceMapExplainer.WithDetail(model);
        Tensor detail = (explainer.Explain(samples) - explainer.Explain(same)).sum(1);
        Assert.Multiple(() =>
        {
            Assert.That(detail[0, TensorIndex.Slice(0, 8)].abs().max().item<float>(), Is.GreaterThan(0));
            Assert.That(detail[0, TensorIndex.Slice(16, 32)].abs().max().item<float>(), Is.Zero);
            Assert.That(detail.sum().item<float>(), Is.EqualTo(RelevanceMapExplainer.DetailShare).Within(1e-5));
        });
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
