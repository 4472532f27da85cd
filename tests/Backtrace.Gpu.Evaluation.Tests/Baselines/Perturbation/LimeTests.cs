using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class LimeTests
{
    [Test]
    public void TheFirstPerturbationIsTheSampleItself()
    {
        List<float> first = [];
        using FunctionModel model = new(x =>
        {
            if (first.Count == 0)
                first.AddRange(x[0].data<float>());
            return x.sum(1, keepdim: true);
        });
        using Features features = Features.Each(12);
        using Samples samples = Cases.Row(features, [.. Enumerable.Repeat(1f, 12)]);
        Cases.Explain(LimeExplainer.Presence(new(model), new() { Samples = 30 }), samples);
        Assert.That(first, Is.All.EqualTo(1));
    }

    [Test]
    public void ALinearModelGetsItsWeights()
    {
        float[] weights = [3, -2, 1, 0, 0.5f];
        using FunctionModel model = FunctionModel.Linear(weights);
        using Features features = Features.Each(5);
        using Samples samples = Cases.Row(features, 1, 1, 1, 1, 1);
        float[] Of(LimeOptions options) => Cases.Explain(LimeExplainer.Presence(new(model), options with { Output = ModelOutput.Score }), samples);
        Assert.Multiple(() =>
        {
            Assert.That(Of(new()), Is.EqualTo(weights).Within(0.01));
            Assert.That(Of(new() { Ridge = 1e-9, Samples = 100 }), Is.EqualTo(weights).Within(1e-4));
            Assert.That(Of(new() { Ridge = 1e6 }).Max(), Is.LessThan(0.01), "a large penalty takes all of it");
            Assert.That(Of(new() { NumFeatures = 2 }), Is.EqualTo(new float[] { 3, -2, 0, 0, 0 }).Within(0.1));
            Assert.That(Of(new() { MaximumBatch = 7, Samples = 100 }), Is.EqualTo(Of(new() { Samples = 100 })).Within(1e-5));
        });
    }

    [Test]
    public void ATableOfDoublesStaysOne()
    {
        using FunctionModel model = new(x => nn.functional.linear(x, tensor(new[] { 2.0, 0 }).unsqueeze(0)));
        using Tensor training = rand(20, 2);
        using Features features = Features.Each(2);
        using Samples samples = new(ones(1, 2, float64), zeros(1, int64), zeros(1, 2, float64), features);
        float[] attributions = Cases.Explain(LimeExplainer.Tabular(new(model), training, new() { Output = ModelOutput.Score, Samples = 200 }), samples);
        Assert.That(attributions[0], Is.GreaterThan(Math.Abs(attributions[1])));
    }

    [Test]
    public void TableValuesComeFromTheTrainingData()
    {
        // Columns: a number from 0 to 99, another, a one-hot group of three.
        Random random = new(1);
        float[][] rows = [.. Enumerable.Range(0, 100).Select(k => (float[])[k, random.Next(10), .. OneHot(k % 3)])];
        using Tensor training = tensor(rows.SelectMany(r => r).ToArray()).view(100, 5);
        using Features features = Features.Columns([1, 1, 3]);
        using Samples samples = Cases.Row(features, 90, 3, 0, 1, 0);
        List<float[]> seen = [];
        using FunctionModel model = new(x =>
        {
            seen.AddRange(x.data<float>().ToArray().Chunk(5));
            return (2 * x.select(1, 0).ge(74.5) + x.select(1, 3)).unsqueeze(1);
        });
        float[] table = Cases.Explain(LimeExplainer.Tabular(new(model), training, new() { Output = ModelOutput.Score }), samples);
        using Tensor attributions = tensor(table).view(1, 5), sums = features.Sum(attributions);
        float[][] drawn = [.. seen];
        seen.Clear();
        Cases.Explain(LimeExplainer.Presence(new(model), new() { Output = ModelOutput.Score }), samples);
        Assert.Multiple(() =>
        {
            Assert.That(sums.data<float>().ToArray(), Is.EqualTo(new float[] { 2, 0, 1 }).Within(0.02));
            Assert.That(drawn, Has.Length.EqualTo(5000));
            Assert.That(drawn[0], Is.EqualTo(new float[] { 90, 3, 0, 1, 0 }));
            Assert.That(drawn.Select(r => r.Skip(2).Sum()), Is.All.EqualTo(1), "one-hot groups stay one-hot");
            Assert.That(drawn.Count(r => r[0] >= 74.5) / 5000.0, Is.EqualTo(0.25).Within(0.02));
            Assert.That(drawn.Select(r => r[0]), Has.All.InRange(0, 99));
            Assert.That(seen.Select(r => r.Skip(2).Sum()), Has.Some.Zero, "zeros in their place would not be rows of the table");
        });

        static float[] OneHot(int k) => [k == 0 ? 1 : 0, k == 1 ? 1 : 0, k == 2 ? 1 : 0];
    }

    [Test]
    public void HiddenSuperpixelsShowTheirMeanColour()
    {
        using Features pixels = Features.Pixels(2, 2, 4);
        using Samples samples = Cases.Row(pixels, [.. Enumerable.Range(0, 16).Select(k => k == 0 ? 4f : 0)]);
        using FunctionModel dot = new(x => x.flatten(1).narrow(1, 0, 1)); // the pixel at the origin, 4; its superpixel's mean is 1
        LimeOptions options = new() { Superpixels = new GridSuperpixels(1, 2).Of, Output = ModelOutput.Score, Ridge = 1e-9 };
        float[] mean = Cases.Explain(LimeExplainer.Image(new(dot), options), samples);
        float[] absent = Cases.Explain(LimeExplainer.Image(new(dot), options with { HideByMean = false }), samples);
        float[] left = [3, 3, 0, 0, 3, 3, 0, 0, 3, 3, 0, 0, 3, 3, 0, 0];
        Assert.That(mean, Is.EqualTo(left.Select(v => v / 8)).Within(1e-5));
        Assert.That(absent, Is.EqualTo(left.Select(v => v / 6)).Within(1e-5), "zero hides 4");
    }

    [Test]
    public void ImagesAreCutIntoSuperpixelsByDefault()
    {
        using Features pixels = Features.Pixels(3, 16, 16);
        using Samples samples = Cases.Row(pixels, Cases.Numbers(3 * 256, new Random(1))), row = Cases.Row(Features.Each(3), 1, 2, 3);
        using FunctionModel sum = FunctionModel.Linear([.. Enumerable.Repeat(1f, 3 * 256)]);
        float[] values = Cases.Explain(LimeExplainer.Image(new(sum), new() { HideByMean = false }), samples);
        Assert.That(values.Distinct().Count(), Is.LessThan(100), "not one for each of 256 pixels");
        using LimeExplainer explainer = LimeExplainer.Image(new(sum));
        Assert.That(() => explainer.Explain(row), Throws.TypeOf<ExplainerException>().With.Message.Contains("[N, C, H, W]"));
    }

    [Test]
    public void WordsThatDecideAreFoundInAText()
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", "bert-tiny-sst2"));
        long[] ids = [.. package.Tokenizer!.Tokenize("the film is terrible and the music is wonderful").Ids];
        long[] groups = [-1, .. Enumerable.Range(0, ids.Length - 2).Select(k => (long)k), -1];
        using Features features = new(tensor(groups));
        using Samples samples = new(tensor(ids).unsqueeze(0), ones(1, int64), full([1, 1], 1L, int64), features);
        ExplainedModel model = new(package.Module, "bert.embeddings.word_embeddings");
        float[] lime = Cases.Explain(LimeExplainer.Text(model, new() { Samples = 400 }), samples);
        float[] shap = Cases.Explain(new KernelShapExplainer(model, new() { Samples = 400 }), samples);
        Assert.Multiple(() =>
        {
            foreach (float[] values in new[] { lime, shap })
            {
                Assert.That(Array.IndexOf(values, values.Min()), Is.EqualTo(4), "terrible");
                Assert.That(Array.IndexOf(values, values.Max()), Is.EqualTo(9), "wonderful");
                Assert.That(new[] { values[0], values[^1] }, Is.All.Zero, "[CLS] and [SEP] stay");
            }
        });
    }

    [Test]
    public void TheSameSeedGivesTheSameCoefficients()
    {
        using FunctionModel network = Cases.Network(8, 3);
        using Features features = Features.Each(8);
        using Samples samples = Cases.Row(features, Cases.Numbers(8, new Random(2)));
        using Tensor training = tensor(Cases.Numbers(400, new Random(3))).view(50, 8);
        ExplainedModel model = new(network);
        Func<LimeOptions, LimeExplainer>[] kinds = [o => LimeExplainer.Presence(model, o), o => LimeExplainer.Text(model, o), o => LimeExplainer.Tabular(model, training, o)];
        foreach (Func<LimeOptions, LimeExplainer> make in kinds)
        {
            float[] Values(int seed) => Cases.Explain(make(new() { Samples = 60, Seed = seed }), samples);
            Assert.That(Values(1), Is.EqualTo(Values(1)));
            Assert.That(Values(2), Is.Not.EqualTo(Values(1)));
        }
    }

    [Test]
    public void WhatDoesNotFitIsRefused()
    {
        using FunctionModel model = FunctionModel.Linear(1, 2);
        using Features features = Features.Each(2);
        using Samples samples = Cases.Row(features, 1, 1);
        using Tensor training = ones(4, 3), flat = ones(4);
        using LimeExplainer other = LimeExplainer.Tabular(new(model), training), pictures = LimeExplainer.Image(new(model));
        using var reader = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2));
        using Samples ids = new(tensor(new long[] { 1, 4 }).view(1, 2), zeros(1, int64), zeros([1, 2], int64), features);
        using LimeExplainer tokens = LimeExplainer.Tabular(new(reader, "0"), ids.Input);
        Assert.Multiple(() =>
        {
            Assert.That(() => pictures.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("[N, C, H, W], not [1, 2]"));
            Assert.That(() => other.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("2 entries, the training rows 3"));
            Assert.That(() => LimeExplainer.Tabular(new(model), flat), Throws.ArgumentException.With.Message.Contains("training rows"));
            Assert.That(() => tokens.Explain(ids), Throws.TypeOf<ExplainerException>().With.Message.Contains("LimeExplainer.Text"));
            Assert.That(() => new LimeOptions { Samples = 1 }, Throws.InstanceOf<ArgumentException>().With.Message.Contains("Samples"));
            Assert.That(() => new LimeOptions { KernelWidth = 0 }, Throws.InstanceOf<ArgumentException>());
            Assert.That(() => new LimeOptions { NumFeatures = 0 }, Throws.InstanceOf<ArgumentException>());
        });
    }

    [Test]
    public void CancellationIsSeenBetweenBatches()
    {
        using CancellationTokenSource source = new();
        using FunctionModel model = FunctionModel.Linear(1, 2);
        using Features features = Features.Each(2);
        using Samples samples = Cases.Row(features, 1, 1);
        using Tensor training = tensor(Cases.Numbers(40, new Random(3))).view(20, 2);
        using LimeExplainer explainer = LimeExplainer.Tabular(new(model), training, new() { Samples = 100, MaximumBatch = 10 });
        model.OnCall = call => { if (call == 3) source.Cancel(); };
        Assert.That(() => explainer.Explain(samples, source.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(model.Calls, Is.EqualTo(3));
    }
}
