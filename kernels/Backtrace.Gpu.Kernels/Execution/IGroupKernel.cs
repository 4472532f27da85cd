namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// A kernel whose groups of threads work together through shared memory: it reads <c>Grid</c> and <c>Group</c> itself. GPUs and
/// simulated GPUs only. A struct whose fields are its arguments.
/// </summary>
public interface IGroupKernel
{
    /// <summary>The body of one thread. Barriers must stand where every thread of a group passes.</summary>
    void Run();
}
