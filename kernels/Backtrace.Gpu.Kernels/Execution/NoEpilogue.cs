namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Nothing to do after a contraction.</summary>
public readonly struct NoEpilogue : IElementwise
{
    /// <inheritdoc/>
    public void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
    }
}
