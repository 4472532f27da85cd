using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Tests.Contraction;

/// <summary>More parts than processors, last part first.</summary>
internal sealed class EagerWorkers(int count) : Workers
{
    public override int Count => count;

    public override unsafe void Run(int parts, delegate*<void*, int, void> part, void* state)
    {
        for (int k = parts - 1; k >= 0; k--)
            part(state, k);
    }
}
