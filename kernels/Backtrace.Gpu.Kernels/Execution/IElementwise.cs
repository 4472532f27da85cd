namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>
/// A kernel over flat arrays: entry i of the result depends on entries i of the operands. Written once against
/// <see cref="ILane{T}"/>; a struct whose fields are its arguments.
/// </summary>
public interface IElementwise
{
    /// <summary>Handles the entries of <paramref name="share"/>, <c>TLane.Width</c> at a time.</summary>
    void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>;
}
