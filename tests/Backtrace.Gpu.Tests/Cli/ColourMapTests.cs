using Backtrace.Gpu.Cli.Pictures;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class ColourMapTests
{
    // 8-bit colours cannot hit a lightness better than this.
    private const double Rounding = 0.35;

    [Test]
    public void SequentialLightnessRisesInEqualSteps()
    {
        double[] lightness = Lightness(ColourMap.Sequential, 0, 1);
        double step = (lightness[^1] - lightness[0]) / (lightness.Length - 1);
        Assert.That(step * (lightness.Length - 1), Is.GreaterThan(80));
        for (int k = 1; k < lightness.Length; k++)
            Assert.That(lightness[k] - lightness[k - 1], Is.EqualTo(step).Within(2 * Rounding));
    }

    [Test]
    public void DivergingLightnessFallsEquallyOnBothSides()
    {
        double[] up = Lightness(ColourMap.Diverging, 0.5, 1), down = Lightness(ColourMap.Diverging, 0.5, 0);
        for (int k = 0; k < up.Length; k++)
        {
            Assert.That(up[k], Is.EqualTo(down[k]).Within(2 * Rounding));
            Assert.That(up[k], Is.EqualTo(97 - 60.0 * k / (up.Length - 1)).Within(Rounding + 0.2));
        }
    }

    [Test]
    public void DivergingIsBlueBelowAndRedAbove()
    {
        Rgb low = ColourMap.Diverging.At(0), high = ColourMap.Diverging.At(1), middle = ColourMap.Diverging.At(0.5);
        Assert.Multiple(() =>
        {
            Assert.That(low.B, Is.GreaterThan(low.R));
            Assert.That(high.R, Is.GreaterThan(high.B));
            Assert.That(Math.Min(middle.R, Math.Min(middle.G, middle.B)), Is.GreaterThan(240));
        });
    }

    [TestCase(new[] { 0f, 0.5f }, false)]
    [TestCase(new[] { -1e-6f, 0.5f }, false)]
    [TestCase(new[] { -0.1f, 0.5f }, true)]
    [TestCase(new float[0], false)]
    public void NegativeValuesAskForTwoColours(float[] values, bool diverging) => Assert.That(ColourMap.For(values).IsDiverging, Is.EqualTo(diverging));

    [Test]
    public void ValuesBeyondTheScaleTakeItsEnds()
    {
        ColourMap map = ColourMap.Sequential;
        Assert.Multiple(() =>
        {
            Assert.That(map.At(map.Place(5, 1)), Is.EqualTo(map.At(1)));
            Assert.That(map.At(map.Place(0, 0)), Is.EqualTo(map.At(0)));
            Assert.That(map.At(double.NaN), Is.EqualTo(map.At(0)));
        });
    }

    private static double[] Lightness(ColourMap map, double from, double to) =>
        [.. Enumerable.Range(0, 33).Select(k => Lab.FromRgb(map.At(from + (to - from) * k / 32)).L)];
}
