using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    private static void RegisterUpsampling(Dictionary<string, Lowering> table)
    {
        RegisterAll(table, ["upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"], static call => Interpolate(call, UpsampleMode.Nearest));
        RegisterAll(table, ["_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d"], static call => Interpolate(call, UpsampleMode.NearestExact));
        RegisterAll(table, ["upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"], static call => Interpolate(call, UpsampleMode.Linear));
        table.Add("upsample_bicubic2d", static call => Interpolate(call, UpsampleMode.Cubic));
    }

    /// <summary>(input, size, [align corners,] one factor per axis), or with the overload "vec" (input, size, [align corners,] list of factors).</summary>
    private static void Interpolate(OperatorCall call, UpsampleMode mode)
    {
        bool smooth = mode is UpsampleMode.Linear or UpsampleMode.Cubic;
        int axes = call[0].Tensor.Sizes.Length - 2;
        int first = smooth ? 3 : 2;
        double?[] factors = new double?[axes];
        for (int a = 0; a < axes; a++)
        {
            Argument factor = call[first].Kind == ArgumentKind.List ? call[first].Items[a] : call[first + a];
            factors[a] = factor.IsNumber ? factor.Number : null;
        }

        call.Emit(new Upsample(mode, smooth && call[2].Boolean, factors), [call[0].Tensor]);
    }
}
