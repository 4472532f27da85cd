using Backtrace.Gpu.Baselines;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class KernelCoalitionsTests
{
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(6)]
    [TestCase(9)]
    public void AllCoalitionsHaveTheWeightsOfTheKernel(int players)
    {
        KernelCoalitions all = new(players, (1 << players) - 2, new Random(1));
        bool[][] members = Members(all);
        double[] kernel = [.. members.Select(m => m.Count(p => p)).Select(s => (players - 1) / (Choose(players, s) * s * (players - s)))];
        double scale = kernel.Sum();
        Assert.Multiple(() =>
        {
            Assert.That(members.Select(Key).Distinct().Count(), Is.EqualTo((1 << players) - 2));
            Assert.That(all.Weights, Is.EqualTo(kernel.Select(k => k / scale)).Within(1e-12));
            Assert.That(all.Weights, Is.Not.EqualTo(kernel.Select(_ => 1.0 / kernel.Length)).Within(1e-12).Or.Length.LessThan(7), "equal weights would be others");
        });
    }

    [Test]
    public void SizesAreDrawnByTheirShare()
    {
        double half = 0;
        for (int seed = 0; seed < 60; seed++)
        {
            KernelCoalitions drawn = new(12, 200, new Random(seed));
            using Tensor members = drawn.Members(), sizes = members.to(int64).sum(1);
            half += sizes.data<long>().ToArray().Zip(drawn.Weights).Where(c => c.First == 6).Sum(c => c.Second) / 60;
        }

        double[] shares = [.. Enumerable.Range(1, 11).Select(s => 1.0 / (s * (12 - s)))];
        Assert.That(half, Is.EqualTo(shares[5] / shares.Sum()).Within(0.15 * shares[5] / shares.Sum()), "coalitions of six have no pairs of another size");
    }

    [Test]
    public void SmallestAndLargestAreEnumeratedAndTheRestIsDrawnInPairs()
    {
        const int Players = 20, Budget = 600;
        KernelCoalitions coalitions = new(Players, Budget, new Random(1));
        bool[][] members = Members(coalitions);
        int[] sizes = [.. members.Select(m => m.Count(p => p))];
        HashSet<string> keys = [.. members.Select(Key)];
        Assert.Multiple(() =>
        {
            Assert.That(sizes.Count(s => s is 1 or 19), Is.EqualTo(40));
            Assert.That(sizes.Count(s => s == 2), Is.LessThan(190), "pairs are too many for this budget");
            Assert.That(members, Has.Length.EqualTo(Budget));
            Assert.That(keys, Has.Count.EqualTo(Budget), "none twice");
            Assert.That(members.Count(m => m.Count(p => p) != 10 && !keys.Contains(Key([.. m.Select(p => !p)]))), Is.LessThanOrEqualTo(1), "only the last may lose its complement to the budget");
            Assert.That(coalitions.Weights.Sum(), Is.EqualTo(1).Within(1e-9));
            Assert.That(coalitions.Weights.Where((_, k) => sizes[k] is 1 or 19).Sum(), Is.EqualTo(Share(Players, 1) * 2).Within(1e-9));
        });
    }

    [Test]
    public void DrawsComeFromTheRandomNumbersOnly()
    {
        string[] one = Keys(3), again = Keys(3), other = Keys(4);
        Assert.That(again, Is.EqualTo(one));
        Assert.That(other, Is.Not.EqualTo(one));

        static string[] Keys(int seed) => [.. Members(new KernelCoalitions(15, 200, new Random(seed))).Select(Key)];
    }

    private static double Share(int players, int size) =>
        1.0 / (size * (players - size)) / Enumerable.Range(1, players - 1).Sum(s => 1.0 / (s * (players - s)));

    private static bool[][] Members(KernelCoalitions coalitions)
    {
        using Tensor members = coalitions.Members();
        return [.. members.data<bool>().ToArray().Chunk((int)members.shape[1])];
    }

    private static string Key(bool[] member) => string.Concat(member.Select(p => p ? '1' : '0'));

    private static double Choose(int n, int k) => k == 0 ? 1 : Choose(n - 1, k - 1) * n / k;
}
