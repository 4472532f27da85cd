using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>The softmax of each line of x, for outputs that were rounded to 16 bits.</summary>
internal unsafe struct SoftmaxWeights : IRowKernel
{
    public ArrayView<float> X;
    public ArrayView<float> Target;

    /// <summary>Entries of a line.</summary>
    public long Length;

    /// <summary>Distance between them.</summary>
    public long Inner;

    public readonly void Run<TThreads>(long row)
        where TThreads : struct, IRowThreads
    {
        float* x = X.Pointer();
        float* target = Target.Pointer();
        long outer = row / Inner;
        long first = outer * Length * Inner + (row - outer * Inner);
        float largest = float.MinValue, total = 0;
        for (long k = TThreads.Index; k < Length; k += TThreads.Count)
            largest = IntrinsicMath.Max(largest, x[first + k * Inner]);
        largest = TThreads.Max(largest);
        for (long k = TThreads.Index; k < Length; k += TThreads.Count)
        {
            float weight = DeviceMath.Exp(x[first + k * Inner] - largest);
            target[first + k * Inner] = weight;
            total += weight;
        }

        total = TThreads.Sum(total);
        for (long k = TThreads.Index; k < Length; k += TThreads.Count)
            target[first + k * Inner] /= total;
    }
}
