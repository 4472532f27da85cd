using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>What the softmax of an attention reads: the products q·k of a block, scaled, and an additive mask. One thread per row.</summary>
internal unsafe struct MaskedScores : IKernel
{
    /// <summary>[Pairs, Rows, Keys].</summary>
    public ArrayView<float> Scores;
    public ArrayView<float> Target;

    /// <summary>Any memory if there is no mask.</summary>
    public ArrayView<float> Mask;
    public AttentionMaskLayout Layout;
    public int FirstPair;
    public int FirstRow;
    public int Rows;
    public int Keys;
    public int Queries;
    public float Scale;

    public readonly void Run(Share share)
    {
        float* scores = Scores.Pointer();
        float* target = Target.Pointer();
        float* mask = Mask.Pointer();
        bool isAdded = Layout.Kind == (int)AttentionMask.Additive;
        for (long item = share.Begin; item < share.End; item += share.Step)
        {
            long pair = item / Rows;
            long row = FirstRow + (item - pair * Rows);
            long offset = Layout.Offset(FirstPair + pair, row, Queries);
            for (long s = 0; s < Keys; s++)
            {
                float score = Scale * scores[item * Keys + s];
                target[item * Keys + s] = isAdded ? score + mask[offset + s * Layout.Key] : score;
            }
        }
    }
}
