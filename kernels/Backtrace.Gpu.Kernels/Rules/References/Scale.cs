using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>A multiple of a tensor.</summary>
internal unsafe struct Scale : IElementwise
{
    public ArrayView<float> Source;
    public ArrayView<float> Target;
    public float Factor;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* source = Source.Pointer();
        float* target = Target.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
            TLane.Store(target + i, TLane.Load(source + i) * TLane.All(Factor));
    }
}
