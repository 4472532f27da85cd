using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>r = |x| times a factor for each row.</summary>
internal unsafe struct AbsoluteByRow : IKernel
{
    public ArrayView<float> Source;
    public ArrayView<float> Factor;
    public ArrayView<float> Target;

    /// <summary>Entries of a row.</summary>
    public long Length;

    public readonly void Run(Share share)
    {
        float* source = Source.Pointer();
        float* factor = Factor.Pointer();
        float* target = Target.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
            target[i] = IntrinsicMath.Abs(source[i]) * factor[i / Length];
    }
}
