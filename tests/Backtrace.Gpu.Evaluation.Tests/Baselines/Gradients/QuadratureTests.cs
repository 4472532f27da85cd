using Backtrace.Gpu.Baselines;

namespace Backtrace.Gpu.Tests.Baselines.Gradients;

public sealed class QuadratureTests
{
    [Test]
    public void ThreePointsOfGaussAndLegendre()
    {
        Quadrature rule = Quadrature.Of(IntegrationMethod.GaussLegendre, 3);
        double outer = Math.Sqrt(0.6) / 2;
        Assert.Multiple(() =>
        {
            Assert.That(rule.At, Is.EqualTo(new[] { 0.5 - outer, 0.5, 0.5 + outer }).Within(1e-15));
            Assert.That(rule.Weights, Is.EqualTo(new[] { 5 / 18.0, 8 / 18.0, 5 / 18.0 }).Within(1e-15));
        });
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(7)]
    [TestCase(50)]
    [TestCase(300)]
    public void GaussAndLegendreIntegratePolynomialsOfTwiceTheirNumber(int count)
    {
        Quadrature rule = Quadrature.Of(IntegrationMethod.GaussLegendre, count);
        Assert.Multiple(() =>
        {
            Assert.That(Power(rule, 2 * count - 1), Is.EqualTo(1.0 / (2 * count)).Within(1e-13));
            if (count <= 7)
                Assert.That(Power(rule, 2 * count), Is.Not.EqualTo(1.0 / (2 * count + 1)).Within(1e-9), "one degree more is not exact");
        });
    }

    [Test]
    public void FourPointsOfEachRiemannSum() => Assert.Multiple(() =>
    {
        Check(IntegrationMethod.RiemannLeft, [0, 0.25, 0.5, 0.75], [0.25, 0.25, 0.25, 0.25]);
        Check(IntegrationMethod.RiemannRight, [0.25, 0.5, 0.75, 1], [0.25, 0.25, 0.25, 0.25]);
        Check(IntegrationMethod.RiemannMiddle, [0.125, 0.375, 0.625, 0.875], [0.25, 0.25, 0.25, 0.25]);
        Check(IntegrationMethod.RiemannTrapezoid, [0, 1 / 3.0, 2 / 3.0, 1], [1 / 6.0, 1 / 3.0, 1 / 3.0, 1 / 6.0]);
    });

    [TestCase(IntegrationMethod.GaussLegendre, 0)]
    [TestCase(IntegrationMethod.RiemannTrapezoid, 1)]
    [TestCase((IntegrationMethod)9, 5)]
    public void TooFewPointsAndUnknownMethodsAreRefused(IntegrationMethod method, int count) =>
        Assert.That(() => Quadrature.Of(method, count), Throws.ArgumentException.With.Message.Contains($"{method}"));

    private static double Power(Quadrature rule, int degree) => rule.At.Zip(rule.Weights, (x, w) => w * Math.Pow(x, degree)).Sum();

    private static void Check(IntegrationMethod method, double[] at, double[] weights)
    {
        Quadrature rule = Quadrature.Of(method, at.Length);
        Assert.That(rule.At, Is.EqualTo(at).Within(1e-15), $"{method}");
        Assert.That(rule.Weights, Is.EqualTo(weights).Within(1e-15), $"{method}");
    }
}
