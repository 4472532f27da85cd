using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class OcclusionTests
{
    // Weights 1, 2, 4, 8, 16 on an input of ones: what a window takes away can be read off.
    [TestCase(2, 1, new[] { 3, 4.5f, 9, 18, 24 })]
    [TestCase(2, 2, new float[] { 3, 3, 12, 12, 16 })]
    [TestCase(5, 1, new float[] { 31, 31, 31, 31, 31 })]
    public void EntriesGetTheMeanLossOfTheirWindows(int window, int stride, float[] expected)
    {
        using Features features = Features.Each(5);
        using Samples samples = Cases.Row(features, 1, 1, 1, 1, 1);
        using FunctionModel model = FunctionModel.Linear(1, 2, 4, 8, 16);
        foreach (int batch in new[] { 1, 2, 256 })
        {
            float[] actual = Cases.Explain(new OcclusionExplainer(new(model), new() { Window = [window], Strides = [stride], MaximumBatch = batch }), samples);
            Assert.That(actual, Is.EqualTo(expected).Within(1e-5), $"batches of {batch}");
        }
    }

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(4)]
    public void StridesThatLeaveEntriesOutAreRefused(int stride)
    {
        using FunctionModel model = FunctionModel.Linear(1, 1, 1, 1);
        Assert.That(() => new OcclusionExplainer(new(model), new() { Window = [3], Strides = [stride] }), Throws.ArgumentException.With.Message.Contains("take 1 to 3"));
    }

    [Test]
    public void WindowsOfImagesHideAllChannels()
    {
        using Features features = Features.Pixels(2, 2, 4);
        using Samples samples = Cases.Row(features, [.. Enumerable.Range(0, 16).Select(k => (float)k)]);
        using FunctionModel model = FunctionModel.Linear([.. Enumerable.Repeat(1f, 16)]);
        float[] left = Cases.Explain(new OcclusionExplainer(new(model), new() { Window = [2, 2], Strides = [2, 2] }), samples);
        float[] oneChannel = Cases.Explain(new OcclusionExplainer(new(model), new() { Window = [1, 2, 2], Strides = [1, 2, 2] }), samples);
        Assert.Multiple(() =>
        {
            Assert.That(new[] { left[0], left[2], left[8], left[15] }, Is.EqualTo(new float[] { 0 + 1 + 4 + 5 + 8 + 9 + 12 + 13, 2 + 3 + 6 + 7 + 10 + 11 + 14 + 15, 52, 68 }));
            Assert.That(oneChannel[0], Is.EqualTo(10), "a window of three dimensions has a size in the channels too");
        });
    }

    [Test]
    public void SamplesHaveTheirOwnReference()
    {
        using Features features = Features.Each(2);
        using Samples samples = new(ones(2, 2), zeros(2, int64), tensor(new float[] { 0, 0, 1, 3 }).view(2, 2), features);
        using FunctionModel model = FunctionModel.Linear(1, 2);
        Assert.That(Cases.Explain(new OcclusionExplainer(new(model), new() { Window = [1], Strides = [1] }), samples), Is.EqualTo(new float[] { 1, 2, 0, -4 }));
    }

    [Test]
    public void WindowsThatDoNotFitAreRefused()
    {
        using Features features = Features.Each(5);
        using Samples samples = Cases.Row(features, 1, 1, 1, 1, 1);
        using FunctionModel model = FunctionModel.Linear(1, 2, 4, 8, 16);
        using OcclusionExplainer large = new(new(model), new() { Window = [6], Strides = [1] }), forImages = new(new(model));
        Assert.Multiple(() =>
        {
            Assert.That(() => new OcclusionExplainer(new(model), new() { Window = [2], Strides = [3] }), Throws.ArgumentException.With.Message.Contains("leave entries out"));
            Assert.That(() => new OcclusionExplainer(new(model), new() { Window = [2], Strides = [1, 1] }), Throws.ArgumentException.With.Message.Contains("as many strides"));
            Assert.That(() => large.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("does not fit"));
            Assert.That(() => forImages.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("[15, 15]"));
            Assert.That(() => new OcclusionOptions { MaximumBatch = 0 }, Throws.InstanceOf<ArgumentException>().With.Message.Contains("MaximumBatch"));
        });
    }
}
