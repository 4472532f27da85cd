using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>What one pass looks at: some points of some neighbouring samples.</summary>
/// <param name="First">The first sample.</param>
/// <param name="Samples">Number of samples.</param>
/// <param name="FirstPoint">The first point of each of them.</param>
/// <param name="Points">Number of points of each of them.</param>
internal readonly record struct GradientPass(long First, long Samples, int FirstPoint, int Points)
{
    /// <summary>The rows of these samples as what goes with <see cref="PointRows"/>: [N, ...] to [Samples, 1, ...]; of one sample [1, ...].</summary>
    public Tensor Of(Tensor perSample) => Samples == 1 ? Rows(perSample) : Rows(perSample).unsqueeze(1);

    /// <summary>What was computed of <see cref="Of"/> and <see cref="PointRows"/> as a batch: [Samples x Points, ...].</summary>
    public Tensor Flat(Tensor points) => Samples == 1 ? points : points.flatten(0, 1);

    /// <summary>The rows of these samples: [N, ...] to [Samples, ...], a view or the tensor itself.</summary>
    public Tensor Rows(Tensor perSample) => Part(perSample, First, Samples);

    /// <summary>The rows of these points, which go with [Samples, Points, ...]: [points of a sample, ...] to [Points, ...], a view or the tensor itself.</summary>
    public Tensor PointRows(Tensor perPoint) => Part(perPoint, FirstPoint, Points);

    /// <summary>Sums over the points of each sample: [Points of a sample] and [Samples, Points, ...] to [Samples, ...], a new tensor.</summary>
    /// <param name="shares">What each point counts, [points of a sample].</param>
    /// <param name="gradients">What is summed.</param>
    public Tensor Weighted(Tensor shares, Tensor gradients)
    {
        Tensor row = PointRows(shares).unsqueeze(0);
        // One sample as a matrix: for small models a batched product costs as much as a layer.
        return Samples == 1
            ? row.mm(gradients.reshape(Points, -1)).view([1, .. gradients.shape[2..]])
            : row.expand([Samples, 1, Points]).bmm(gradients.flatten(2)).view([Samples, .. gradients.shape[2..]]);
    }

    // For small models every view that is not made counts.
    private static Tensor Part(Tensor rows, long first, long count) => rows.size(0) == count ? rows : rows.narrow(0, first, count);
}
