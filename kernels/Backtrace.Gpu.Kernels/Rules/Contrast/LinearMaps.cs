using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>Fills <paramref name="target"/> with a linear map of <paramref name="source"/>.</summary>
internal delegate void Map(ArrayView<float> source, ArrayView<float> target);

/// <summary>The weights of one sign of a linear map, as a map with weights ≥ 0, and its transpose.</summary>
internal readonly record struct SignedMap(bool IsNegative, Map Forward, Map Backward);

/// <summary>The contrastive rule of a fixed linear map on one input: sums, means, average pooling, interpolation.</summary>
internal static class LinearMaps
{
    /// <param name="pair">The streams.</param>
    /// <param name="maps">Their sum (the negative ones subtracted) is the map.</param>
    public static void Apply(in StreamPair pair, params ReadOnlySpan<SignedMap> maps)
    {
        RuleContext context = pair.Supporting;
        long units = pair.Units, entries = context.Input(0).Length;
        ArrayView<float> positive = pair.Side(0, 1), negative = pair.Side(0, -1);
        ArrayView<float> p = Sum(context, units, maps, (map, y) => map.Forward(map.IsNegative ? negative : positive, y));
        ArrayView<float> n = Sum(context, units, maps, (map, y) => map.Forward(map.IsNegative ? positive : negative, y));
        (ArrayView<float> toP, ArrayView<float> toN) = pair.Share(p, n);
        ArrayView<float> u = context.Scratch(2 * entries), v = context.Scratch(2 * entries);
        for (int stream = 0; stream < 2; stream++)
        {
            ArrayView<float> ofP = toP.SubView(stream * units, units), ofN = toN.SubView(stream * units, units);
            Sum(context, u.SubView(stream * entries, entries), maps, (map, x) => map.Backward(map.IsNegative ? ofN : ofP, x));
            Sum(context, v.SubView(stream * entries, entries), maps, (map, x) => map.Backward(map.IsNegative ? ofP : ofN, x));
        }

        pair.Join(0, u, v);
    }

    private static ArrayView<float> Sum(RuleContext context, long length, ReadOnlySpan<SignedMap> maps, Action<SignedMap, ArrayView<float>> run)
    {
        ArrayView<float> total = context.Scratch(length);
        Sum(context, total, maps, run);
        return total;
    }

    private static void Sum(RuleContext context, ArrayView<float> total, ReadOnlySpan<SignedMap> maps, Action<SignedMap, ArrayView<float>> run)
    {
        run(maps[0], total);
        foreach (SignedMap map in maps[1..])
        {
            ArrayView<float> part = context.Scratch(total.Length);
            run(map, part);
            context.Device.Run(new Accumulate { Source = part, Target = total }, total.Length, workPerEntry: 3);
        }
    }
}
