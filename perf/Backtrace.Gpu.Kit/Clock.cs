using System.Diagnostics;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kit;

/// <summary>How long work on a device takes.</summary>
internal static class Clock
{
    /// <summary>Seconds of the best of several rounds, each long enough for the clock; the first call compiles and is not counted.</summary>
    internal static double Best(Device device, Action run)
    {
        run();
        device.Synchronize();
        int count = (int)Math.Clamp(0.02 / Math.Max(Once(device, run), 1e-6), 1, 200);
        return Enumerable.Range(0, 5).Min(_ => Seconds(device, run, count));
    }

    /// <summary>Median seconds of single calls, at most eleven or two seconds of them, at least one; the first is not counted.</summary>
    internal static (double Seconds, int Rounds) Median(Device device, Action run)
    {
        Once(device, run);
        List<double> seconds = [];
        do
            seconds.Add(Once(device, run));
        while (seconds.Count < 11 && seconds.Sum() < 2);
        seconds.Sort();
        return (seconds[seconds.Count / 2], seconds.Count);
    }

    private static double Once(Device device, Action run) => Seconds(device, run, 1);

    private static double Seconds(Device device, Action run, int count)
    {
        long start = Stopwatch.GetTimestamp();
        for (int k = 0; k < count; k++)
            run();
        device.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalSeconds / count;
    }
}
