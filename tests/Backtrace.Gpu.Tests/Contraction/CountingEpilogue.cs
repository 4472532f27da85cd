using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Tests.Contraction;

/// <summary>Counts its calls per entry and adds one to the result: shows that each entry is seen once, after it is final.</summary>
internal readonly unsafe struct CountingEpilogue(float* y, float* calls) : IElementwise
{
    private readonly float* y = y;
    private readonly float* calls = calls;

    public void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            TLane.Store(y + i, TLane.Load(y + i) + TLane.All(1));
            TLane.Store(calls + i, TLane.Load(calls + i) + TLane.All(1));
        }
    }
}
