using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>Relevance of each score by its sign and size, with the factors of its sample.</summary>
internal unsafe struct ShareOfScores : IKernel
{
    /// <summary>[Pairs, Length].</summary>
    public ArrayView<float> Scores;
    public ArrayView<float> Target;
    public ArrayView<float> ToPositive;
    public ArrayView<float> ToNegative;
    public long Length;
    public int FirstPair;

    /// <summary>Pairs of a sample.</summary>
    public int Heads;

    public readonly void Run(Share share)
    {
        float* scores = Scores.Pointer();
        float* target = Target.Pointer();
        float* toPositive = ToPositive.Pointer();
        float* toNegative = ToNegative.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            long sample = (FirstPair + i / Length) / Heads;
            float s = scores[i];
            target[i] = s > 0f ? s * toPositive[sample] : -s * toNegative[sample];
        }
    }
}
