using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>x·(R − s·ΣR) along each line of a softmax s of x, and what of ΣR is left. Minus infinity, which a mask writes, counts as 0.</summary>
internal unsafe struct SoftmaxRelevance : IRowKernel
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

    public readonly void Run<TThreads>(long row)
        where TThreads : struct, IRowThreads
    {
        float* x = X.Pointer();
        float* weights = Weights.Pointer();
        float* relevance = Relevance.Pointer();
        float* target = Target.Pointer();
        float* rest = Rest.Pointer();
        long outer = row / Inner;
        long first = outer * Length * Inner + (row - outer * Inner);
        float total = 0, given = 0;
        for (long k = TThreads.Index; k < Length; k += TThreads.Count)
            total += relevance[first + k * Inner];
        total = TThreads.Sum(total);
        for (long k = TThreads.Index; k < Length; k += TThreads.Count)
        {
            long i = first + k * Inner;
            float score = x[i] >= -float.MaxValue ? x[i] : 0f;
            float mine = score * (relevance[i] - weights[i] * total);
            target[i] = mine;
            given += mine;
        }

        given = TThreads.Sum(given);
        if (TThreads.Index == 0)
            rest[row] = total - given;
    }
}
