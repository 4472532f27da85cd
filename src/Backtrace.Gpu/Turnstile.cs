namespace Backtrace.Gpu;

/// <summary>Lets one thread in at a time, and puts off the end of what it guards until that thread has left.</summary>
/// <param name="name">What is guarded, for exceptions.</param>
/// <param name="end">Releases it; called once.</param>
internal sealed class Turnstile(string name, Action end)
{
    private const int Free = 0, Taken = 1, Ending = 2, Ended = 3;

    private int state;

    /// <summary>Lets the caller in until the result is disposed.</summary>
    /// <exception cref="InvalidOperationException">Somebody else is inside.</exception>
    /// <exception cref="ObjectDisposedException">It has ended.</exception>
    public Visit Enter() => Interlocked.CompareExchange(ref state, Taken, Free) switch
    {
        Free => new Visit(this),
        Taken => throw new InvalidOperationException($"This {name} is in use on another thread: give each thread its own."),
        _ => throw new ObjectDisposedException(name),
    };

    /// <summary>Lets nobody in any more, and releases what is guarded: at once, or when whoever is inside leaves. Further calls do nothing.</summary>
    public void End()
    {
        int seen;
        do
        {
            seen = Volatile.Read(ref state);
        }
        while (seen < Ending && Interlocked.CompareExchange(ref state, seen == Free ? Ended : Ending, seen) != seen);
        if (seen == Free)
            end();
    }

    private void Leave()
    {
        if (Interlocked.CompareExchange(ref state, Free, Taken) == Taken)
            return;
        state = Ended;
        end();
    }

    /// <summary>The time inside.</summary>
    public readonly struct Visit(Turnstile turnstile) : IDisposable
    {
        /// <summary>Leaves.</summary>
        public void Dispose() => turnstile.Leave();
    }
}
