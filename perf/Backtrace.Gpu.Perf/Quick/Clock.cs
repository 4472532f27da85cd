using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Perf.Quick;

/// <summary>Time that passes, or the processor time of the calling thread: what is left to measure on a busy machine, with one thread.</summary>
internal static unsafe class Clock
{
    private const int ThreadProcessorTime = 3; // CLOCK_THREAD_CPUTIME_ID of Linux

    public static bool OfProcessor { get; set; }

    /// <summary>Seconds from an arbitrary start.</summary>
    public static double Seconds
    {
        get
        {
            if (!OfProcessor)
                return (double)Stopwatch.GetTimestamp() / Stopwatch.Frequency;
            long* time = stackalloc long[2];
            _ = clock_gettime(ThreadProcessorTime, time);
            return time[0] + (time[1] * 1e-9);
        }
    }

    [DllImport("libc")]
    private static extern int clock_gettime(int clock, long* time);
}
