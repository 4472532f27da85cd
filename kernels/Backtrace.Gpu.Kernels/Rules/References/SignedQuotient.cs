using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>z = R / (2·y), kept from 0 as the reference implementations do it. A y near 0 makes z large, and its sign is that of y.</summary>
internal unsafe struct SignedQuotient : IKernel
{
    public ArrayView<float> Relevance;

    /// <summary>Values y of the units, then quotients.</summary>
    public ArrayView<float> Values;
    public float Epsilon;

    /// <summary>1: ε is added to |2y|, and y = 0 hands out nothing. 0: |2y| is at least ε, and 0 counts as positive.</summary>
    public int IsAdded;

    public readonly void Run(Share share)
    {
        float* relevance = Relevance.Pointer();
        float* values = Values.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            float y = 2f * values[i];
            float size = IntrinsicMath.Abs(y), sign = y < 0f ? -1f : 1f;
            if (IsAdded != 0)
                values[i] = size > 0f ? relevance[i] / (sign * (size + Epsilon)) : 0f;
            else
                values[i] = relevance[i] / (sign * IntrinsicMath.Max(size, Epsilon));
        }
    }
}
