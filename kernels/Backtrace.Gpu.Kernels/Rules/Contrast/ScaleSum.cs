using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>r = x·(u + v).</summary>
internal unsafe struct ScaleSum : IElementwise
{
    public ArrayView<float> X;
    public ArrayView<float> U;
    public ArrayView<float> V;
    public ArrayView<float> Target;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* x = X.Pointer();
        float* u = U.Pointer();
        float* v = V.Pointer();
        float* target = Target.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
            TLane.Store(target + i, TLane.Load(x + i) * (TLane.Load(u + i) + TLane.Load(v + i)));
    }
}
