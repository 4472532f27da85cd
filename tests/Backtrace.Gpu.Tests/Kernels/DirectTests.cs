using Backtrace.Gpu.Kernels.Execution;
using ILGPU;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Kernels;

/// <summary>What a kernel that runs on the calling thread may rely on.</summary>
internal sealed class DirectTests
{
    [Test]
    public unsafe void Every_entry_is_handled_once_and_no_lane_crosses_a_row([Range(0, 48)] int begin, [Values(0, 1, 7, 8, 9, 15, 16, 17, 24, 31, 40, 41, 64, 129)] int length)
    {
        const int Capacity = 256;
        int* widths = stackalloc int[Capacity], starts = stackalloc int[Capacity], visits = stackalloc int[Capacity];
        Direct.Run(new Visits { Widths = widths, Starts = starts, Counts = visits }, begin, begin + length);
        for (int i = 0; i < Capacity; i++)
        {
            Assert.That(visits[i], Is.EqualTo(i >= begin && i < begin + length ? 1 : 0), $"entry {i}");
            if (visits[i] > 0 && begin % 8 == 0)
                Assert.That(starts[i] % widths[i], Is.Zero, $"lane of {widths[i]} at {starts[i]}");
        }
    }

    [TestCase(0, 0)]
    [TestCase(1, 16)]
    [TestCase(16, 16)]
    [TestCase(17, 32)]
    public void Rows_are_padded_to_the_widest_lane(long entries, long padded) => Assert.That(Direct.PaddedToLanes(entries), Is.EqualTo(padded));

    private unsafe struct Visits : IElementwise
    {
        public int* Widths;
        public int* Starts;
        public int* Counts;

        public readonly void Run<TLane>(Share share)
            where TLane : struct, ILane<TLane>
        {
            for (long i = share.Begin; i < share.End; i += share.Step)
            {
                for (int k = 0; k < TLane.Width; k++)
                {
                    Counts[i + k]++;
                    Widths[i + k] = TLane.Width;
                    Starts[i + k] = (int)i;
                }
            }
        }
    }
}
