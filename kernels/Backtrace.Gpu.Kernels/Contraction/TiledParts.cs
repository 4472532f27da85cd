using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>y = bias + the sum of the parts, in their order.</summary>
internal unsafe struct TiledParts : IKernel
{
    public ArrayView<float> Parts;
    public ArrayView<float> Target;
    public ArrayView<float> Bias;
    public int BiasMask;
    public int Count;

    /// <summary>Neighbouring entries that share a bias.</summary>
    public long Inner;
    public long Channels;

    public readonly void Run(Share share)
    {
        float* parts = Parts.Pointer();
        float* target = Target.Pointer();
        float* bias = Bias.Pointer();
        long length = Target.Length;
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            float sum = 0;
            for (int k = 0; k < Count; k++)
                sum += parts[k * length + i];
            target[i] = BiasMask != 0 ? sum + TiledLayout.Read(bias, i / Inner % Channels, true, BiasMask) : sum;
        }
    }
}
