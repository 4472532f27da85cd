using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// What <see cref="AttentionWeights{TLane}"/> does, with a group of threads per row. Scores are scaled and masked twice, so that none is written
/// before its exponential.
/// </summary>
internal unsafe struct GroupedAttentionWeights : IGroupKernel
{
    public AttentionScores Scores;

    public readonly void Run()
    {
        long item = Grid.IdxX;
        int seen = Scores.Seen(item);
        float* line = Scores.Products.Pointer() + item * Scores.Keys;
        float* mask = Scores.MaskOf(item);
        Scalar most = Scalar.All(float.MinValue);
        for (int s = GroupThreads.Index; s < seen; s += GroupThreads.Count)
            most = Scalar.Max(most, Scores.At<Scalar>(line, mask, s));
        float highest = GroupThreads.Max(most.Value);
        Scalar sum = Scalar.All(0);
        for (int s = GroupThreads.Index; s < seen; s += GroupThreads.Count)
        {
            Scalar weight = AttentionScores.Exponential(Scores.At<Scalar>(line, mask, s), highest);
            Scalar.Store(line + s, weight);
            sum += weight;
        }

        float total = GroupThreads.Sum(sum.Value);
        float factor = total > 0 ? 1f / total : 0f;
        for (int s = GroupThreads.Index; s < Scores.Keys; s += GroupThreads.Count)
            line[s] = s < seen ? line[s] * factor : 0f;
    }
}
