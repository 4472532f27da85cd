namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Runs the parts of one CPU task on several threads. A part is plain code: it allocates nothing and never blocks.</summary>
public abstract class Workers
{
    /// <summary>Number of parts that run at the same time.</summary>
    public abstract int Count { get; }

    /// <summary>Calls <paramref name="part"/>(state, k) for k = 0 .. parts-1 and returns when all are done.</summary>
    public abstract unsafe void Run(int parts, delegate*<void*, int, void> part, void* state);

    /// <summary>Workers on the .NET thread pool.</summary>
    public static Workers ThreadPool { get; } = new ThreadPoolWorkers();

    /// <summary>The calling thread alone.</summary>
    public static Workers Single { get; } = new SingleWorker();

    private sealed class SingleWorker : Workers
    {
        public override int Count => 1;

        public override unsafe void Run(int parts, delegate*<void*, int, void> part, void* state)
        {
            for (int k = 0; k < parts; k++)
                part(state, k);
        }
    }

    private sealed class ThreadPoolWorkers : Workers
    {
        public override int Count => Environment.ProcessorCount;

        public override unsafe void Run(int parts, delegate*<void*, int, void> part, void* state)
        {
            if (parts <= 1)
            {
                if (parts == 1)
                    part(state, 0);
                return;
            }

            Parallel.For(0, parts, k => part(state, k));
        }
    }
}
