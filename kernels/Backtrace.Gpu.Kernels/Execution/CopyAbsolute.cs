using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>target = |source|.</summary>
public unsafe struct CopyAbsolute : IElementwise
{
    /// <summary>What is copied.</summary>
    public ArrayView<float> Source;

    /// <summary>Where to.</summary>
    public ArrayView<float> Target;

    /// <inheritdoc/>
    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* source = Source.Pointer();
        float* target = Target.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
            TLane.Store(target + i, TLane.Abs(TLane.Load(source + i)));
    }
}
