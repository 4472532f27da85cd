namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>The threads that share a row. What they do together, each of them must ask for; its order depends on nothing but their number.</summary>
internal interface IRowThreads
{
    /// <summary>Which of them this is.</summary>
    static abstract int Index { get; }

    /// <summary>How many there are.</summary>
    static abstract int Count { get; }

    /// <summary>The sum of what all threads have.</summary>
    static abstract float Sum(float mine);

    /// <summary>The largest of what all threads have.</summary>
    static abstract float Max(float mine);

    /// <summary>The sum of what threads with a smaller index have.</summary>
    static abstract float SumBefore(float mine);
}
