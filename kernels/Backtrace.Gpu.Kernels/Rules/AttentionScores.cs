using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>The products q·k of a block, [pairs, rows, keys], and what becomes of them before a softmax: they are scaled and masked.</summary>
internal unsafe struct AttentionScores
{
    // Below this an exponential is no normal number.
    private const float Vanishing = -87f;

    public ArrayView<float> Products;

    /// <summary>Any memory if there is no mask.</summary>
    public ArrayView<float> Mask;
    public AttentionMaskLayout Layout;
    public int FirstPair;
    public int FirstRow;
    public int Rows;
    public int Keys;
    public int Queries;
    public float Scale;
    public int IsCausal;

    /// <summary>e to the distance from the highest score of a row; 0 for what is masked out.</summary>
    public static T Exponential<T>(T score, float highest)
        where T : struct, ILane<T>
    {
        T distance = score - T.All(highest);
        return T.WhereGreater(T.All(Vanishing), distance, T.All(0), T.Exp(distance));
    }

    /// <summary>Number of keys, from the first on, that row <paramref name="item"/> of the block may see.</summary>
    public readonly int Seen(long item) =>
        IsCausal != 0 ? IntrinsicMath.Min((int)(Row(item) % Queries) + 1, Keys) : Keys;

    /// <summary>Where the mask of row <paramref name="item"/> of the block begins.</summary>
    public readonly float* MaskOf(long item) => Mask.Pointer() + Layout.Offset(FirstPair + item / Rows, Row(item), Queries);

    /// <summary>The scores from key <paramref name="s"/> on.</summary>
    /// <param name="line">The products of a row.</param>
    /// <param name="mask">Its mask.</param>
    /// <param name="s">The key.</param>
    public readonly T At<T>(float* line, float* mask, int s)
        where T : struct, ILane<T>
    {
        T score = T.All(Scale) * T.Load(line + s);
        if (Layout.Kind == 0)
            return score;
        T at = Layout.Key == 0 ? T.All(mask[0]) : T.Load(mask + s);
        return Layout.Kind == (int)AttentionMask.Boolean ? T.WhereZero(at, T.All(Layout.Excluded), score) : score + at;
    }

    private readonly long Row(long item) => FirstRow + item % Rows;
}
