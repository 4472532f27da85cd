using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    private static void RegisterPooling(Dictionary<string, Lowering> table)
    {
        for (int axes = 1; axes <= 3; axes++)
        {
            int a = axes;
            RegisterAll(table, [$"max_pool{a}d", $"max_pool{a}d_with_indices"], call => MaxPool(call, Windows(call, a, call[3], call[4]), $"MaxPool{a}d"));
            table.Add($"avg_pool{a}d", call => call.Emit(new AveragePooling(Windows(call, a, call[3], Argument.None), $"AvgPool{a}d") { Axes = a }, [call[0].Tensor]));
            table.Add($"adaptive_avg_pool{a}d", call => call.Emit(new AveragePooling(AdaptiveWindows(call, a), $"AdaptiveAvgPool{a}d") { Axes = a }, [call[0].Tensor]));
            table.Add($"adaptive_max_pool{a}d", call => MaxPool(call, AdaptiveWindows(call, a), $"AdaptiveMaxPool{a}d"));
        }
    }

    private static void MaxPool(OperatorCall call, PoolShape windows, string label)
    {
        call.LeaveOutPlaces();
        call.Emit(new MaxPooling(windows, label), [call[0].Tensor]);
    }

    private static PoolShape Windows(OperatorCall call, int axes, Argument padding, Argument dilation)
    {
        int[] kernel = Spatial(call[1].Integers, axes);
        int[] stride = call[2].Integers is { Length: > 0 } given ? Spatial(given, axes) : kernel;
        return new PoolShape(
            Planes(call, axes),
            SpatialSize(call[0].Tensor, axes),
            SpatialSize(call.Output, axes),
            ToSize3(kernel, 1),
            ToSize3(stride, 1),
            ToSize3(padding.Integers is { Length: > 0 } p ? Spatial(p, axes) : new int[axes], 0),
            ToSize3(dilation.Integers is { Length: > 0 } d ? Spatial(d, axes) : [.. Enumerable.Repeat(1, axes)], 1));
    }

    private static PoolShape AdaptiveWindows(OperatorCall call, int axes) =>
        PoolShape.Adaptive(Planes(call, axes), SpatialSize(call[0].Tensor, axes), SpatialSize(call.Output, axes));

    private static long Planes(OperatorCall call, int axes) => DeviceTensor.Count(call[0].Tensor.Sizes.AsSpan()[..^axes]);

    private static Size3 SpatialSize(Value value, int axes) => ToSize3([.. value.Sizes[^axes..].Select(s => checked((int)s))], 1);
}
