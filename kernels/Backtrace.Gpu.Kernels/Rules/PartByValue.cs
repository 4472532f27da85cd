using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>r = f·x·r: as <see cref="PartByAbsolute"/>, with the sign of x.</summary>
internal unsafe struct PartByValue : IElementwise
{
    public ArrayView<float> Activation;

    /// <summary>Scaled in place.</summary>
    public ArrayView<float> Values;
    public float Factor;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* x = Activation.Pointer();
        float* values = Values.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
            TLane.Store(values + i, TLane.All(Factor) * TLane.Load(x + i) * TLane.Load(values + i));
    }
}
