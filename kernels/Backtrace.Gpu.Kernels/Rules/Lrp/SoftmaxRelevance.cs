using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>x·(R − s·ΣR) along each line of a softmax s of x, and what of ΣR is left. Minus infinity, which a mask writes, counts as 0. One thread per line.</summary>
internal unsafe struct SoftmaxRelevance : IKernel
{
    public ArrayView<float> X;
    public ArrayView<float> Weights;
    public ArrayView<float> Relevance;

    /// <summary>May be the memory of <see cref="Relevance"/>.</summary>
    public ArrayView<float> Target;

    /// <summary>What the lines keep.</summary>
    public ArrayView<float> Rest;

    /// <summary>Entries of a line.</summary>
    public long Length;

    /// <summary>Distance between them.</summary>
    public long Inner;

    public readonly void Run(Share share)
    {
        float* x = X.Pointer();
        float* weights = Weights.Pointer();
        float* relevance = Relevance.Pointer();
        float* target = Target.Pointer();
        float* rest = Rest.Pointer();
        for (long line = share.Begin; line < share.End; line += share.Step)
        {
            long outer = line / Inner;
            long first = outer * Length * Inner + (line - outer * Inner);
            float total = 0, given = 0;
            for (long k = 0; k < Length; k++)
                total += relevance[first + k * Inner];
            for (long k = 0; k < Length; k++)
            {
                long i = first + k * Inner;
                float score = x[i] >= -float.MaxValue ? x[i] : 0f;
                float mine = score * (relevance[i] - weights[i] * total);
                target[i] = mine;
                given += mine;
            }

            rest[line] = total - given;
        }
    }
}
