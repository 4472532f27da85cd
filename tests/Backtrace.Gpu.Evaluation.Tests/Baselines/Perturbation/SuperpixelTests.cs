using Backtrace.Gpu.Baselines;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class SuperpixelTests
{
    [Test]
    public void EachSuperpixelIsConnectedAndNoPixelIsLeftOut() => Cases.ForRandom(40, random =>
    {
        (int channels, int height, int width) = (random.Next(1, 4), random.Next(4, 25), random.Next(4, 25));
        using Tensor image = tensor(Cases.Numbers(channels * height * width, random)).view(channels, height, width);
        int count = random.Next(1, height * width / 4 + 1);
        using Features features = new SlicSuperpixels(count).Of(image);
        int[] labels = Labels(features);
        Assert.Multiple(() =>
        {
            Assert.That(labels.Distinct().Order(), Is.EqualTo(Enumerable.Range(0, features.Count)));
            Assert.That(Pieces(labels, height, width), Is.EqualTo(features.Count));
            Assert.That(features.Shape, Is.EqualTo(new long[] { channels, height, width }));
        });
    });

    [Test]
    public void WithoutTheLastStepNoiseFallsToPieces()
    {
        SlicClustering clustering = new([.. Cases.Numbers(400, new Random(1)).Select(v => 25.0 * v)], 1, 20, 20, 10, 10);
        clustering.Step();
        Assert.That(Pieces(clustering.Labels, 20, 20), Is.GreaterThan(2 * clustering.Labels.Distinct().Count()));
    }

    [Test]
    public void TwoColoursAreSplitAlongTheirEdge()
    {
        using Tensor image = zeros(3, 16, 16);
        image.narrow(2, 7, 9).fill_(1);
        using Features slic = new SlicSuperpixels(8).Of(image), stiff = new SlicSuperpixels(8, Compactness: 1e4).Of(image), grid = new GridSuperpixels(3, 3).Of(image);
        Assert.Multiple(() =>
        {
            Assert.That(slic.Count, Is.InRange(4, 16));
            Assert.That(Crossing(slic), Is.Zero);
            Assert.That(Crossing(stiff), Is.Positive, "place alone does not see the edge");
            Assert.That(Crossing(grid), Is.EqualTo(3), "and neither does a grid");
        });

        static int Crossing(Features features)
        {
            int[] labels = Labels(features);
            return labels.Where((_, i) => i % 16 < 7).Intersect(labels.Where((_, i) => i % 16 >= 7)).Count();
        }
    }

    [TestCase(0, 1)]
    [TestCase(1, 0)]
    [TestCase(3, 1)]
    [TestCase(1, 5)]
    public void AGridThatDoesNotFitIsRefused(int rows, int columns)
    {
        using Tensor image = zeros(3, 2, 4);
        Assert.That(() => new GridSuperpixels(rows, columns).Of(image), Throws.ArgumentException.With.Message.Contains($"{rows} x {columns} does not fit an image of 2 x 4 pixels"));
    }

    [Test]
    public void BrightnessAndContrastDoNotMatter()
    {
        using Tensor image = tensor(Cases.Numbers(300, new Random(3))).view(3, 10, 10), other = image * 0.01 - 5;
        using Features one = new SlicSuperpixels(9).Of(image), same = new SlicSuperpixels(9).Of(other), negative = new SlicSuperpixels(9).Of(image.square());
        Assert.That(Labels(same), Is.EqualTo(Labels(one)));
        Assert.That(Labels(negative), Is.Not.EqualTo(Labels(one)));
    }

    [Test]
    public void SmallPiecesJoinAndLargeOnesBecomeSuperpixels()
    {
        int[] labels = [0, 0, 1, 0, 0, 0, 1, 2, 0, 0, 1, 0];
        Assert.That(SlicFragments.Join(labels, 3, 4, 2), Is.EqualTo(new[] { 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1 }));
        Assert.That(SlicFragments.Join(labels, 3, 4, 1), Is.EqualTo(new[] { 0, 0, 1, 2, 0, 0, 1, 3, 0, 0, 1, 4 }));
    }

    [Test]
    public void TilesOfAGridAreEven()
    {
        using Tensor image = zeros(2, 4, 7);
        using Features features = new GridSuperpixels(2, 3).Of(image);
        Assert.That(Labels(features).Take(14), Is.EqualTo(new[] { 0, 0, 0, 1, 1, 2, 2, 0, 0, 0, 1, 1, 2, 2 }));
        Assert.That(Labels(features).GroupBy(k => k).Select(g => g.Count()), Is.EqualTo(new[] { 6, 4, 4, 6, 4, 4 }));
    }

    [Test]
    public void ASmallImageHasOneForEachPixel()
    {
        using Tensor image = arange(4, float32).view(1, 2, 2);
        using Features features = new SlicSuperpixels(50).Of(image);
        Assert.That(features.Count, Is.EqualTo(4));
    }

    [Test]
    public void WhatMakesNoSuperpixelsIsRefused()
    {
        using Tensor image = zeros(1, 3, 3), row = zeros(9);
        Assert.Multiple(() =>
        {
            Assert.That(() => new SlicSuperpixels(0).Of(image), Throws.ArgumentException.With.Message.Contains("0 superpixels"));
            Assert.That(() => new SlicSuperpixels(2).Of(row), Throws.ArgumentException.With.Message.Contains("[C, H, W]"));
            Assert.That(() => new GridSuperpixels(1, 1).Of(image.view(-1)), Throws.ArgumentException.With.Message.Contains("[C, H, W]"));
            Assert.That(() => new GridSuperpixels(4, 1).Of(image), Throws.ArgumentException.With.Message.Contains("4 x 1"));
        });
    }

    [Test]
    public void ExplainersTakeThemPerSample()
    {
        using Tensor first = zeros(1, 4, 4), second = zeros(1, 4, 4);
        first.narrow(2, 0, 1).fill_(1);
        second.narrow(1, 0, 1).fill_(1);
        using Features pixels = Features.Pixels(1, 4, 4);
        using Samples samples = new(stack([first, second]), zeros(2, int64), full([1, 1, 4, 4], 0.5f), pixels);
        using FunctionModel sum = FunctionModel.Linear([.. Enumerable.Repeat(1f, 16)]);
        // Features are the two colours; all pixels of one get the same.
        Func<Tensor, Features> colours = image => new Features(image.to(int64));
        float[] values = Cases.Explain(new KernelShapExplainer(new(sum), new() { Superpixels = colours, Output = ModelOutput.Score }), samples);
        float[] expected = [.. samples.Input.data<float>().ToArray().Select(v => v == 1 ? 0.5f : -0.5f)];
        Assert.That(values, Is.EqualTo(expected).Within(1e-5));
        Assert.That(sum.Calls, Is.LessThan(6), "four coalitions per sample, not 65,536");
        using KernelShapExplainer misshapen = new(new(sum), new() { Superpixels = _ => Features.Each(3) });
        Assert.That(() => misshapen.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("[3]"));
    }

    private static int[] Labels(Features features)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor sizes = features.Sum(ones([1, .. features.Shape]));
        Tensor numbers = features.Spread(arange(features.Count, float32).unsqueeze(0) * sizes).round();
        Assert.That((numbers - numbers.narrow(1, 0, 1)).abs().max().item<float>(), Is.Zero, "channels of a pixel belong together");
        return [.. numbers.select(1, 0).contiguous().data<float>().ToArray().Select(k => (int)k)];
    }

    /// <summary>Number of connected areas of one label.</summary>
    private static int Pieces(int[] labels, int height, int width)
    {
        bool[] seen = new bool[labels.Length];
        int pieces = 0;
        for (int start = 0; start < labels.Length; start++)
        {
            if (seen[start])
                continue;
            pieces++;
            Stack<int> open = new([start]);
            while (open.TryPop(out int at))
            {
                if (seen[at])
                    continue;
                seen[at] = true;
                (int y, int x) = (at / width, at % width);
                foreach ((int v, int u) in new[] { (y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1) })
                {
                    if (v >= 0 && v < height && u >= 0 && u < width && labels[v * width + u] == labels[at])
                        open.Push(v * width + u);
                }
            }
        }

        return pieces;
    }
}
