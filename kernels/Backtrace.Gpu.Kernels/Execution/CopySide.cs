using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>target = max(sign · source, 0).</summary>
public unsafe struct CopySide : IElementwise
{
    /// <summary>What is copied.</summary>
    public ArrayView<float> Source;

    /// <summary>Where to.</summary>
    public ArrayView<float> Target;

    /// <summary>1: the positive side, −1: the magnitudes of the negative one.</summary>
    public float Sign;

    /// <inheritdoc/>
    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* source = Source.Pointer();
        float* target = Target.Pointer();
        TLane sign = TLane.All(Sign), zero = TLane.All(0);
        for (long i = share.Begin; i < share.End; i += share.Step)
            TLane.Store(target + i, TLane.Max(sign * TLane.Load(source + i), zero));
    }
}
