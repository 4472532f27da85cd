using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>target = |x| · values + base; target may be either of them.</summary>
internal unsafe struct ScaleAndAdd : IElementwise
{
    public ArrayView<float> Activation;
    public ArrayView<float> Values;
    public ArrayView<float> Base;
    public ArrayView<float> Target;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* x = Activation.Pointer();
        float* values = Values.Pointer();
        float* start = Base.Pointer();
        float* target = Target.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
            TLane.Store(target + i, TLane.Abs(TLane.Load(x + i)) * TLane.Load(values + i) + TLane.Load(start + i));
    }
}
