using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>target = |x| · values + base, or x · values + base; target may be either of them.</summary>
internal unsafe struct ScaleAndAdd : IElementwise
{
    public ArrayView<float> Activation;
    public ArrayView<float> Values;
    public ArrayView<float> Base;
    public ArrayView<float> Target;
    public int IsSigned;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* x = Activation.Pointer();
        float* values = Values.Pointer();
        float* start = Base.Pointer();
        float* target = Target.Pointer();
        bool isSigned = IsSigned != 0;
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            TLane factor = TLane.Load(x + i);
            if (!isSigned)
                factor = TLane.Abs(factor);
            TLane.Store(target + i, factor * TLane.Load(values + i) + TLane.Load(start + i));
        }
    }
}
