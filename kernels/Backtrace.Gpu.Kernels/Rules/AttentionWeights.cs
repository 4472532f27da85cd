using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// Turns the products q·k of a block into the weights of the forward pass, in place: scale, mask, softmax over the keys. One thread per row, eight
/// keys at a time: for processors and short rows. A key that is masked out has weight 0 exactly; a row without keys has only zeros.
/// </summary>
internal unsafe struct AttentionWeights<TLane> : IKernel
    where TLane : struct, ILane<TLane>
{
    /// <summary>Sums run in this many lanes.</summary>
    public const int Lanes = 8;

    public AttentionScores Scores;

    /// <summary>[Pairs, Rows, Lanes].</summary>
    public ArrayView<float> Scratch;

    public readonly void Run(Share share)
    {
        float* scores = Scores.Products.Pointer();
        float* scratch = Scratch.Pointer();
        for (long item = share.Begin; item < share.End; item += share.Step)
        {
            int seen = Scores.Seen(item);
            float* line = scores + item * Scores.Keys;
            float* lanes = scratch + item * Lanes;
            float highest = Highest(line, Scores.MaskOf(item), lanes, seen);
            float total = Exponentials(line, lanes, seen, highest);
            Normalise(line, seen, total > 0 ? 1f / total : 0f);
        }
    }

    // Writes the masked scores.
    private readonly float Highest(float* line, float* mask, float* lanes, int seen)
    {
        TLane most = TLane.All(float.MinValue);
        int s = 0;
        for (; s + Lanes <= seen; s += Lanes)
        {
            TLane score = Scores.At<TLane>(line, mask, s);
            TLane.Store(line + s, score);
            most = TLane.Max(most, score);
        }

        TLane.Store(lanes, most);
        float highest = lanes[0];
        for (int k = 1; k < Lanes; k++)
            highest = IntrinsicMath.Max(highest, lanes[k]);
        for (; s < seen; s++)
        {
            Scalar.Store(line + s, Scores.At<Scalar>(line, mask, s));
            highest = IntrinsicMath.Max(highest, line[s]);
        }

        return highest;
    }

    private static float Exponentials(float* line, float* lanes, int seen, float highest)
    {
        TLane sum = TLane.All(0);
        int s = 0;
        for (; s + Lanes <= seen; s += Lanes)
        {
            TLane weight = AttentionScores.Exponential(TLane.Load(line + s), highest);
            TLane.Store(line + s, weight);
            sum += weight;
        }

        TLane.Store(lanes, sum);
        for (int k = 0; s + k < seen; k++)
        {
            Scalar weight = AttentionScores.Exponential(Scalar.Load(line + s + k), highest);
            Scalar.Store(line + s + k, weight);
            Scalar.Store(lanes + k, Scalar.Load(lanes + k) + weight);
        }

        return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    }

    private readonly void Normalise(float* line, int seen, float factor)
    {
        int s = 0;
        for (; s + Lanes <= seen; s += Lanes)
            TLane.Store(line + s, TLane.All(factor) * TLane.Load(line + s));
        for (; s < seen; s++)
            line[s] *= factor;
        for (; s < Scores.Keys; s++)
            line[s] = 0;
    }
}
