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
    public Tensor Of(Tensor perSample) => perSample.narrow(0, First, Samples).unsqueeze(1);

    /// <summary>A view of numbers of these points that goes with [Samples, Points, ...]: [points of a sample] to [1, Points, 1, ...].</summary>
    /// <param name="perPoint">One number per point of a sample.</param>
    /// <param name="rank">Axes of a sample with its batch axis.</param>
    public Tensor Of(Tensor perPoint, long rank) => perPoint.narrow(0, FirstPoint, Points).view([1, Points, .. Enumerable.Repeat(1L, (int)rank - 1)]);
}
