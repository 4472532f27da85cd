using System.Diagnostics;

namespace Backtrace.Gpu.Perf.Quick;

/// <summary>Times of several actions in milliseconds, taken in turns so that a change of the machine's pace hits all of them.</summary>
internal sealed class Rounds
{
    private const int Fewest = 3;
    private const int Enough = 7;
    private const int Most = 400;
    private const double LongEnough = 0.01;

    // One call of this many seconds has compiled what matters: a billion weights should not take a quarter of an hour.
    private const double Slow = 1.5;

    private readonly List<double>[] times;

    private Rounds(int actions) => times = [.. Enumerable.Range(0, actions).Select(_ => new List<double>())];

    public int Count => times[0].Count;

    /// <summary>Warms up, then measures for about <paramref name="seconds"/>.</summary>
    public static Rounds Measure(double seconds, params Action[] actions)
    {
        int[] calls = [.. actions.Select(WarmUp)];
        Rounds rounds = new(actions.Length);
        long started = Stopwatch.GetTimestamp();
        for (int round = 0; round < Most; round++)
        {
            // A slow or busy machine gets fewer rounds, but not a single one.
            double elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
            if (round >= (elapsed < 2 * seconds ? Enough : Fewest) && elapsed >= seconds)
                break;
            for (int k = 0; k < actions.Length; k++)
            {
                // A B C, then C B A: nobody always runs after the same neighbour.
                int a = round % 2 == 0 ? k : actions.Length - 1 - k;
                rounds.times[a].Add(Time(actions[a], calls[a]) * 1000);
            }
        }

        return rounds;
    }

    /// <summary>The median time of an action.</summary>
    public double Median(int action) => Quantile([.. times[action]], 0.5);

    /// <summary>Quantile of the ratio of two actions, taken round by round.</summary>
    public double Ratio(int action, int yardstick, double quantile = 0.5) =>
        Quantile([.. times[action].Zip(times[yardstick], (a, y) => a / y)], quantile);

    /// <summary>Long enough for tiered compilation and for memory to settle; returns how many calls make a measurable time.</summary>
    private static int WarmUp(Action action)
    {
        long started = Stopwatch.GetTimestamp();
        action();
        if (Stopwatch.GetElapsedTime(started).TotalSeconds > Slow)
            return 1;
        for (int call = 1; call < 3 || IsCold(call, Stopwatch.GetElapsedTime(started).TotalSeconds); call++)
            action();
        Thread.Sleep(150); // the compiler's background thread
        double seconds = Enumerable.Range(0, 3).Min(_ => Time(action, 1));
        return Math.Max(1, (int)(LongEnough / seconds));
    }

    // The runtime counts calls anew for each of its compilations, and waits a tenth of a second before each.
    private static bool IsCold(int calls, double seconds) => seconds < 2 && (calls < 60 || seconds < 0.5);

    private static double Time(Action action, int calls)
    {
        double started = Clock.Seconds;
        for (int call = 0; call < calls; call++)
            action();
        return (Clock.Seconds - started) / calls;
    }

    private static double Quantile(double[] values, double quantile)
    {
        Array.Sort(values);
        double place = quantile * (values.Length - 1);
        int below = (int)place;
        int above = Math.Min(below + 1, values.Length - 1);
        return values[below] + ((place - below) * (values[above] - values[below]));
    }
}
