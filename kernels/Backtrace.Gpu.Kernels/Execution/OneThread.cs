namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>A thread with a row to itself.</summary>
internal readonly struct OneThread : IRowThreads
{
    public static int Index => 0;

    public static int Count => 1;

    public static float Sum(float mine) => mine;

    public static float Max(float mine) => mine;

    public static float SumBefore(float mine) => 0f;
}
