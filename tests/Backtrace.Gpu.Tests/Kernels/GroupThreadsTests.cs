using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Support;
using ILGPU;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Kernels;

/// <summary>What the threads of a group do together, several times with the same memory.</summary>
internal sealed class GroupThreadsTests
{
    private const int Rounds = 3;

    private static IEnumerable<string> Devices => TestDevices.All.Where(id => id != "cpu");

    [Test]
    public void Sum_and_compare([Values(1, 2, 32, 256)] int threads, [ValueSource(nameof(Devices))] string device)
    {
        using Arena arena = new(TestDevices.Get(device));
        int[] whole = [.. Enumerable.Range(0, Rounds * threads).Select(i => (i * 37 % 101) - 120)];
        Together kernel = new() { Source = arena.Upload([.. whole.Select(v => (float)v)]), Sums = Blank(), Largest = Blank(), Before = Blank() };
        arena.Device.RunGroups(kernel, new Index3D(1, 1, 1), threads);
        int[][] rounds = [.. whole.Chunk(threads)];
        Assert.Multiple(() =>
        {
            Assert.That(arena.Device.Download(kernel.Sums), Is.EqualTo(rounds.SelectMany(r => r.Select(_ => (float)r.Sum()))));
            Assert.That(arena.Device.Download(kernel.Largest), Is.EqualTo(rounds.SelectMany(r => r.Select(_ => (float)r.Max()))));
            Assert.That(arena.Device.Download(kernel.Before), Is.EqualTo(rounds.SelectMany(r => r.Select((_, i) => (float)r.Take(i).Sum()))));
        });

        ArrayView<float> Blank() => arena.Blank(whole.Length);
    }

    internal unsafe struct Together : IGroupKernel
    {
        public ArrayView<float> Source;
        public ArrayView<float> Sums;
        public ArrayView<float> Largest;
        public ArrayView<float> Before;

        public readonly void Run()
        {
            float* source = Source.Pointer();
            for (int round = 0; round < Rounds; round++)
                Sums.Pointer()[At(round)] = GroupThreads.Sum(source[At(round)]);
            for (int round = 0; round < Rounds; round++)
                Largest.Pointer()[At(round)] = GroupThreads.Max(source[At(round)]);
            for (int round = 0; round < Rounds; round++)
                Before.Pointer()[At(round)] = GroupThreads.SumBefore(source[At(round)]);
        }

        private static int At(int round) => round * GroupThreads.Count + GroupThreads.Index;
    }
}
