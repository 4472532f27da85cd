using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>The softmax of each line of x, for outputs that were rounded to 16 bits. One thread per line.</summary>
internal unsafe struct SoftmaxWeights : IKernel
{
    public ArrayView<float> X;
    public ArrayView<float> Target;

    /// <summary>Entries of a line.</summary>
    public long Length;

    /// <summary>Distance between them.</summary>
    public long Inner;

    public readonly void Run(Share share)
    {
        float* x = X.Pointer();
        float* target = Target.Pointer();
        for (long line = share.Begin; line < share.End; line += share.Step)
        {
            long outer = line / Inner;
            long first = outer * Length * Inner + (line - outer * Inner);
            float largest = float.MinValue, total = 0;
            for (long k = 0; k < Length; k++)
                largest = IntrinsicMath.Max(largest, x[first + k * Inner]);
            for (long k = 0; k < Length; k++)
            {
                float weight = DeviceMath.Exp(x[first + k * Inner] - largest);
                target[first + k * Inner] = weight;
                total += weight;
            }

            for (long k = 0; k < Length; k++)
                target[first + k * Inner] /= total;
        }
    }
}
