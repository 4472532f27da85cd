using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class LimeRegressionTests
{
    // Present 1, 0, 1, 0 with weights 1, 1/2, 1, 1/2: mean 2/3, sum of squares 2/3; slope 2 shrinks to 2 (2/3) / (2/3 + ridge).
    [TestCase(1, 0.8)]
    [TestCase(0, 2)]
    [TestCase(2, 0.5)]
    public void RidgeShrinksAKnownSlope(double ridge, double expected)
    {
        using Tensor present = tensor(new[] { true, false, true, false }).view(4, 1), weights = tensor(new[] { 1, 0.5, 1, 0.5 });
        double[] coefficients = LimeRegression.Fit(present, [13, 11, 13, 11], weights, new() { Ridge = ridge });
        Assert.That(coefficients, Is.EqualTo(new[] { expected }).Within(1e-12));
    }

    [TestCase(null, new[] { 5.0, 0.1, -3, 0.2, 1, 0.3, -0.4, 0.05 })]
    [TestCase(2, new[] { 5.0, 0, -3, 0, 0, 0, 0, 0 })]
    [TestCase(7, new[] { 5.0, 0.1, -3, 0.2, 1, 0.3, -0.4, 0 })]
    public void TheStrongestFeaturesAreChosen(int? number, double[] expected)
    {
        double[] slopes = [5, 0.1, -3, 0.2, 1, 0.3, -0.4, 0.05];
        using Tensor bits = arange(256, int64).unsqueeze(1), powers = tensor(new long[] { 1, 2, 4, 8, 16, 32, 64, 128 });
        using Tensor present = bits.bitwise_and(powers).ne(0), weights = ones(256, float64), outputs = present.to(float64).matmul(tensor(slopes));
        double[] coefficients = LimeRegression.Fit(present, outputs.data<double>().ToArray(), weights, new() { Ridge = 1e-9, NumFeatures = number });
        Assert.That(coefficients, Is.EqualTo(expected).Within(1e-6));
    }

    // A copy of each perturbation with half of its weight changes nothing but makes them more than the features.
    [Test]
    public void FewerPerturbationsThanFeaturesHaveTheSameSolution()
    {
        Random random = new(1);
        bool[] bits = [.. Enumerable.Range(0, 12 * 20).Select(_ => random.Next(2) == 1)];
        double[] y = [.. Enumerable.Range(0, 12).Select(_ => random.NextDouble())];
        using Tensor few = tensor(bits).view(12, 20), many = few.repeat(2, 1), weights = tensor(y.Select(v => v + 0.1).ToArray()), halves = (weights / 2).repeat(2);
        Assert.That(LimeRegression.Fit(few, y, weights, new()), Is.EqualTo(LimeRegression.Fit(many, [.. y, .. y], halves, new())).Within(1e-12));
    }

    [Test]
    public void FeaturesThatNeverChangeNeedARidge()
    {
        using Tensor present = ones([4, 2], ScalarType.Bool), weights = ones(4, float64);
        Assert.That(() => LimeRegression.Fit(present, [1, 1, 1, 1], weights, new() { Ridge = 0 }), Throws.TypeOf<ExplainerException>().With.Message.Contains("Ridge"));
        Assert.That(LimeRegression.Fit(present, [1, 1, 1, 1], weights, new()), Is.All.Zero);
    }

    // Half of four features: 1 - sqrt(1/2) = 0.292893 in image and text, sqrt(2) in tables.
    [TestCase("image", 0.503440)]
    [TestCase("text", 0.503440)]
    [TestCase("table", 0.641180)]
    public void KernelsAreThoseOfTheLimePackage(string kind, double expected)
    {
        LimeNeighbourhood neighbourhood = kind switch { "image" => LimeNeighbourhood.Image, "text" => LimeNeighbourhood.Text, _ => LimeNeighbourhood.Table };
        using Tensor present = tensor(new[] { true, true, true, true, true, false, true, false }).view(2, 4);
        using Tensor weights = neighbourhood.Weights(present, null), wide = neighbourhood.Weights(present, 1e6);
        Assert.Multiple(() =>
        {
            Assert.That(weights.data<double>().ToArray(), Is.EqualTo(new[] { 1, expected }).Within(1e-6));
            Assert.That(wide.data<double>().ToArray(), Is.EqualTo(new[] { 1.0, 1 }).Within(1e-6));
        });
    }

    [Test]
    public void TextsLoseFromOneToAllFeaturesAndImagesHalf()
    {
        int[] removed = [.. LimeNeighbourhood.Text.Draw(5, 4000, new Random(1)).Chunk(5).Skip(1).Select(row => row.Count(p => !p))];
        double kept = LimeNeighbourhood.Image.Draw(5, 4000, new Random(1)).Average(p => p ? 1.0 : 0);
        Assert.Multiple(() =>
        {
            for (int size = 0; size <= 5; size++)
                Assert.That(removed.Count(r => r == size) / 3999.0, Is.EqualTo(size == 0 ? 0 : 0.2).Within(0.03), $"{size}");
            Assert.That(kept, Is.EqualTo(0.5).Within(0.02));
        });
    }
}
