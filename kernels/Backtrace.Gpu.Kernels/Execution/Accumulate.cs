using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>target += source: how the relevance of several consumers is summed.</summary>
public unsafe struct Accumulate : IElementwise
{
    /// <summary>What is added.</summary>
    public ArrayView<float> Source;

    /// <summary>What it is added to.</summary>
    public ArrayView<float> Target;

    /// <inheritdoc/>
    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* source = Source.Pointer();
        float* target = Target.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
            TLane.Store(target + i, TLane.Load(target + i) + TLane.Load(source + i));
    }
}
