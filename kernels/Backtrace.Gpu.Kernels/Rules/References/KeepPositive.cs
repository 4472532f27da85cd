using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>max(x, 0).</summary>
internal unsafe struct KeepPositive : IKernel
{
    public ArrayView<float> Source;
    public ArrayView<float> Target;

    public readonly void Run(Share share)
    {
        float* source = Source.Pointer();
        float* target = Target.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
            target[i] = IntrinsicMath.Max(source[i], 0f);
    }
}
