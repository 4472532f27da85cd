namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>A kernel of independent rows, for <see cref="Rows"/>: a thread handles a row, or several threads do it together. A struct whose fields are its arguments.</summary>
internal interface IRowKernel
{
    /// <summary>A row, of whose entries this thread takes <c>TThreads.Index</c> and every <c>TThreads.Count</c>-th after it.</summary>
    void Run<TThreads>(long row)
        where TThreads : struct, IRowThreads;
}
