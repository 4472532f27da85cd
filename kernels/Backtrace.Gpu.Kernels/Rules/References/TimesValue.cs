using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>r = x · r, with the sign of x.</summary>
internal unsafe struct TimesValue : IKernel
{
    public ArrayView<float> Activation;

    /// <summary>Multiplied in place.</summary>
    public ArrayView<float> Values;

    public readonly void Run(Share share)
    {
        float* x = Activation.Pointer();
        float* values = Values.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
            values[i] *= x[i];
    }
}
