using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>What one pass looks at: some points of some neighbouring samples.</summary>
/// <param name="First">The first sample.</param>
/// <param name="Samples">Number of samples.</param>
/// <param name="FirstPoint">The first point of each of them.</param>
/// <param name="Points">Number of points of each of them.</param>
internal readonly record struct GradientPass(long First, long Samples, int FirstPoint, int Points)
{
    /// <summary>A view of the rows of these samples with an axis for points: [N, ...] to [Samples, 1, ...].</summary>
    public Tensor Of(Tensor perSample) => Rows(perSample).unsqueeze(1);

    /// <summary>The rows of these samples: [N, ...] to [Samples, ...], a view or the tensor itself.</summary>
    public Tensor Rows(Tensor perSample) => Part(perSample, First, Samples);

    /// <summary>The rows of these points, which go with [Samples, Points, ...]: [points of a sample, ...] to [Points, ...], a view or the tensor itself.</summary>
    public Tensor PointRows(Tensor perPoint) => Part(perPoint, FirstPoint, Points);

    // For small models every view that is not made counts.
    private static Tensor Part(Tensor rows, long first, long count) => rows.size(0) == count ? rows : rows.narrow(0, first, count);
}
