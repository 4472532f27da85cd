using Backtrace.Gpu.Baselines;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class LimeColumnTests
{
    // Quartiles of 0, 1, 2, 3, 4 are 1, 2, 3.
    [TestCase(-7, 0)]
    [TestCase(1, 0)]
    [TestCase(1.01, 1)]
    [TestCase(3, 2)]
    [TestCase(9, 3)]
    public void BinsLieBetweenQuartiles(double value, int bin) => Assert.That(new LimeColumn([3, 1, 0, 4, 2]).Bin(value), Is.EqualTo(bin));

    [Test]
    public void DrawsFollowTheTrainingValues()
    {
        LimeColumn column = new(Enumerable.Range(0, 1000).Select(k => k < 900 ? k * 0.001f : k));
        Random random = new(1);
        double[] drawn = [.. Enumerable.Range(0, 4000).Select(_ => column.Draw(column.DrawBin(random), random))];
        int[] bins = [.. drawn.Select(column.Bin)];
        Assert.Multiple(() =>
        {
            for (int bin = 0; bin < 4; bin++)
                Assert.That(bins.Count(b => b == bin) / 4000.0, Is.EqualTo(0.25).Within(0.03));
            Assert.That(drawn, Has.All.InRange(0, 999));
            Assert.That(drawn.Count(v => v > 1), Is.InRange(600, 1000), "the normal of the last bin reaches past its training values' gap, but not past its limits");
            Assert.That(drawn.Where(v => column.Bin(v) == 1).Average(), Is.EqualTo(0.375).Within(0.02));
        });
    }

    [TestCase(5f)]
    [TestCase(16777216f)]
    public void AConstantColumnStaysConstant(float value)
    {
        LimeColumn column = new([value, value, value]);
        Random random = new(1);
        Assert.That(Enumerable.Range(0, 20).Select(_ => column.Draw(column.DrawBin(random), random)), Is.All.EqualTo(value));
        Assert.That(column.Bin(value), Is.Zero);
        Assert.That(column.Bin(value + 2), Is.EqualTo(1));
    }
}
