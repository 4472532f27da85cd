using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>ε is added to the value of a unit: a mean is a sum over its count, and a product that two factors share is halved.</summary>
public sealed class LrpEpsilonTests
{
    private static readonly Size3 One = new(1, 1, 1), Pair = new(1, 1, 2), Four = new(1, 1, 4);

    private static IEnumerable<TestCaseData> Means()
    {
        TestCaseData Case(string name, Operation operation, long[] output) => new TestCaseData(operation, output).SetArgDisplayNames(name);
        yield return Case("pool", new AveragePooling(new PoolShape(1, Four, Pair, Pair, Pair, default, One)), [1, 1, 2]);
        yield return Case("adaptive pool", new AveragePooling(PoolShape.Adaptive(1, Four, Pair)), [1, 1, 2]);
    }

    // 6 is shared by 1 and 3, whose mean is 2, and 10 by 2 and 6: divided by 2 + ε and 4 + ε.
    [TestCaseSource(nameof(Means))]
    public void IsAddedToMeans(Operation operation, long[] output) =>
        Assert.That(Run(operation, [1, 3, 2, 6], [1, 1, 4], [6, 10], output), Is.EqualTo(new float[] { 1, 3, 2, 6 }).Within(1e-5));

    [TestCase("Mean", 1f, 3f)]
    [TestCase("Sum", 1.2f, 3.6f)]
    public void IsAddedToAMeanButOnceToASum(string label, float first, float second) =>
        Assert.That(Run(new SumOverAxes([1], label), [1, 3], [1, 2], [6], [1, 1]), Is.EqualTo(new[] { first, second }).Within(1e-5));

    [Test]
    public void IsAddedToAProductAndNotToEachHalf()
    {
        HostNode both = new(new MatrixProduct(true, true)) { Inputs = [new HostTensor([2], 1, 1), new HostTensor([3], 1, 1)] };
        HostNode one = new(new MatrixProduct(true, false)) { Inputs = both.Inputs };
        HostTensor relevance = new([7], 1, 1);
        HostResult shared = both.Run(TestDevices.Get("cpu"), [relevance], RuleSet.LrpEpsilon(1)), alone = one.Run(TestDevices.Get("cpu"), [relevance], RuleSet.LrpEpsilon(1));
        Assert.That(alone.Relevance[0]!.Values[0], Is.EqualTo(6).Within(1e-5), "7 · 6 / (6 + 1)");
        foreach (HostTensor? half in shared.Relevance)
            Assert.That(half!.Values[0], Is.EqualTo(0.5 * 7 * 6 / 6.5).Within(1e-5), "ε of two halves");
    }

    private static float[] Run(Operation operation, float[] x, long[] shape, float[] relevance, long[] output) =>
        new HostNode(operation) { Inputs = [new HostTensor(x, shape)] }.Run(TestDevices.Get("cpu"), [new HostTensor(relevance, output)], RuleSet.LrpEpsilon(1)).Relevance[0]!.Values;
}
