using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>What the softmax of an attention reads: the products q·k of a block, scaled and masked.</summary>
internal unsafe struct MaskedScores : IRowKernel
{
    public AttentionScores Scores;
    public ArrayView<float> Target;

    public readonly void Run<TThreads>(long row)
        where TThreads : struct, IRowThreads
    {
        float* line = Scores.Products.Pointer() + row * Scores.Keys;
        float* target = Target.Pointer() + row * Scores.Keys;
        float* mask = Scores.MaskOf(row);
        for (int s = TThreads.Index; s < Scores.Keys; s += TThreads.Count)
            Scalar.Store(target + s, Scores.At<Scalar>(line, mask, s));
    }
}
