using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Sets every value.</summary>
public unsafe struct Fill : IElementwise
{
    /// <summary>Memory to set.</summary>
    public ArrayView<float> Target;

    /// <summary>The value.</summary>
    public float Value;

    /// <inheritdoc/>
    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* target = Target.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
            TLane.Store(target + i, TLane.All(Value));
    }
}
