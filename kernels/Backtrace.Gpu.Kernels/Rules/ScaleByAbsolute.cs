using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>r = |x| · r: the last step of every contraction rule.</summary>
public unsafe struct ScaleByAbsolute : IElementwise
{
    /// <summary>Activations.</summary>
    public ArrayView<float> Activation;

    /// <summary>Scaled in place.</summary>
    public ArrayView<float> Values;

    /// <inheritdoc/>
    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* x = Activation.Pointer();
        float* values = Values.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
            TLane.Store(values + i, TLane.Abs(TLane.Load(x + i)) * TLane.Load(values + i));
    }
}
