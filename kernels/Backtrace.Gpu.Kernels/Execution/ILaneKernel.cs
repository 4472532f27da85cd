namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>A kernel over items that handles the entries of an item in lanes, for <see cref="LaneItems"/>. A struct whose fields are its arguments.</summary>
internal interface ILaneKernel
{
    /// <summary>Handles the items of <paramref name="share"/>.</summary>
    void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>;
}
