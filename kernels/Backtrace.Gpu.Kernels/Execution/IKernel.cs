namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>A kernel over items that are independent of each other: windows, rows, pixels. A struct whose fields are its arguments.</summary>
public interface IKernel
{
    /// <summary>Handles the items of <paramref name="share"/>.</summary>
    void Run(Share share);
}
