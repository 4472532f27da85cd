using Backtrace.Gpu.Kernels.Execution;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

// Sampling of pictures and volumes at places that a grid names. As an index, a grid carries no relevance, nor do the weights that follow from it.
internal static partial class Lowerings
{
    private const int BilinearSampling = 0, NearestSampling = 1, ZeroPadding = 0, BorderPadding = 1;

    private static void RegisterSampling(Dictionary<string, Lowering> table) => table.Add("grid_sampler", Sample);

    // (input [N, C, sizes], grid [N, places, axes], interpolation, padding, whether the corners are centres of entries): a weighted sum of the entries around each
    // place; one entry more, which is 0, stands for all that lies outside.
    private static void Sample(OperatorCall call)
    {
        long interpolation = call[2].Integer, padding = call[3].Integer;
        if (interpolation is not (BilinearSampling or NearestSampling))
        {
            call.Refuse("by cubic interpolation has no rule: use bilinear or nearest");
            return;
        }

        using var temporary = NewDisposeScope();
        long[] shape = call[0].Tensor.Sizes;
        long samples = shape[0], channels = shape[1], points = DeviceTensor.Count(call.Output.Sizes) / Math.Max(samples * channels, 1);
        Tensor grid = Open(call[1].Tensor).reshape(samples, 1, points, shape.Length - 2);
        Tensor places = zeros(samples, 1, points, dtype: int64), weights = ones(samples, 1, points), isInside = ones(samples, 1, points, dtype: ScalarType.Bool);
        for (int axis = 2; axis < shape.Length; axis++)
        {
            long size = shape[axis];
            Tensor at = Coordinates(grid.select(-1, shape.Length - 1 - axis), size, padding, call[4].Boolean), low = at.floor();
            bool isNearest = interpolation == NearestSampling;
            Tensor around = isNearest ? at.round() : cat([low, low + 1], 1);
            weights = All(weights, isNearest ? ones_like(at) : cat([low + 1 - at, at - low], 1), (a, b) => a * b);
            isInside = All(isInside, (around >= 0).logical_and(around < size), (a, b) => a.logical_and(b));
            places = All(places, around.clamp(0, size - 1).to(int64), (a, b) => a * size + b);
        }

        long taps = places.shape[1];
        Tensor index = where(isInside, places, DeviceTensor.Count(shape.AsSpan(2))).reshape(samples, 1, taps * points).expand(samples, channels, taps * points);
        weights = weights.unsqueeze(1);
        call.Rewrite(() =>
        {
            Tensor read = nn.functional.pad(call.Read(0).flatten(2), [0, 1], PaddingModes.Constant, 0).gather(2, index);
            return (taps == 1 ? read : (read.view(samples, channels, taps, points) * weights).sum([2L])).reshape(call.Output.Sizes);
        });
    }

    // All pairs of what is known of the axes so far and of the entries on either side along one more.
    private static Tensor All(Tensor known, Tensor sides, Func<Tensor, Tensor, Tensor> join) => join(known.unsqueeze(2), sides.unsqueeze(1)).flatten(1, 2);

    // From −1 .. 1 to positions along an axis.
    private static Tensor Coordinates(Tensor grid, long size, long padding, bool alignCorners)
    {
        Tensor at = alignCorners ? (grid + 1) / 2 * (size - 1) : ((grid + 1) * size - 1) / 2;
        if (padding == ZeroPadding)
            return at;
        if (padding == BorderPadding)
            return at.clamp(0, size - 1);

        // Reflected at the centres of the outermost entries or at their edges, as often as needed.
        double least = alignCorners ? 0 : -0.5, span = alignCorners ? size - 1 : size;
        if (span == 0)
            return zeros_like(at);
        Tensor distance = (at - least).abs(), rest = distance.fmod(span), isTurned = (distance / span).floor().remainder(2).eq(1);
        return (where(isTurned, span - rest, rest) + least).clamp(0, size - 1);
    }
}
