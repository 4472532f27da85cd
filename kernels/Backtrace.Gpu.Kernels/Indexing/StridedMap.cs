using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Indexing;

/// <summary>
/// target[t + Σ i·targetStride] += source[s + Σ i·sourceStride] for every index i of a box: what slices, permutations, expansions, flips,
/// repetitions, concatenations, crops and sums over axes have in common. Axes that do not move in the target are summed by the kernel;
/// the others must not overlap there, or they are run one after the other.
/// </summary>
internal sealed class StridedMap
{
    private readonly List<StrideAxis> kept = [];
    private readonly List<StrideAxis> loops = [];
    private readonly List<StrideAxis> serial = [];
    private readonly bool isEmpty;
    private long targetOffset;
    private long sourceOffset;

    /// <param name="axes">The box.</param>
    /// <param name="targetOffset">Target position of index 0.</param>
    /// <param name="sourceOffset">Source position of index 0.</param>
    public StridedMap(IEnumerable<StrideAxis> axes, long targetOffset = 0, long sourceOffset = 0)
    {
        this.targetOffset = targetOffset;
        this.sourceOffset = sourceOffset;
        foreach (StrideAxis axis in axes)
        {
            isEmpty |= axis.Count == 0;
            if (axis.Count > 1)
                Sort(axis);
        }

        Separate();
        Merge(kept);
        Merge(loops);
    }

    /// <summary>Number of target entries that the map writes.</summary>
    public long Written => isEmpty ? 0 : Count(kept) * Count(serial);

    /// <summary>Axes along which the target moves, outermost first.</summary>
    public IReadOnlyList<StrideAxis> Kept => kept;

    /// <summary>Axes over which the source is summed, outermost first.</summary>
    public IReadOnlyList<StrideAxis> Loops => loops;

    /// <summary>True if the map copies all <paramref name="length"/> entries of one array to the same places of the other.</summary>
    public bool IsIdentity(long length) =>
        !isEmpty && loops.Count == 0 && serial.Count == 0 && targetOffset == 0 && sourceOffset == 0
        && (kept.Count == 0 ? length == 1 : kept is [{ Target: 1, Source: 1 } all] && all.Count == length);

    /// <summary>The map between an array of this shape (target) and one that lacks some axes or has them with size 1 (source, stride 0 there).</summary>
    public static StridedMap Broadcast(ReadOnlySpan<long> shape, ReadOnlySpan<long> from) => new(BroadcastAxes(shape, from));

    /// <summary>The opposite direction of <see cref="Broadcast"/>: sums over the axes that are missing in the target.</summary>
    public static StridedMap SumTo(ReadOnlySpan<long> shape, ReadOnlySpan<long> from) => new(BroadcastAxes(from, shape).Select(a => a.Reversed));

    /// <summary>Fills the target: zero where the map does not write.</summary>
    public void Run(Device device, ArrayView<float> source, ArrayView<float> target, in StridedSum options)
    {
        if (options.Accumulate == 0 && (serial.Count > 0 || Written != target.Length))
            device.Run(new Fill { Target = target, Value = 0 }, target.Length);
        Write(device, source, target, options);
    }

    /// <summary>Writes the entries of the map and leaves the others alone.</summary>
    public void Write(Device device, ArrayView<float> source, ArrayView<float> target, StridedSum options)
    {
        if (isEmpty)
            return;
        options.Target = target;
        options.Source = source;
        if (options.Weighted == 0)
            options.Weight = target;
        options.Kept = AxisNest.Of(kept);
        options.SetLoops(loops);
        if (serial.Count > 0)
            options.Accumulate = 1;
        AxisNest repeats = AxisNest.Of(serial);
        for (long k = 0; k < repeats.Total; k++)
        {
            Place at = repeats.Locate(k);
            options.TargetOffset = targetOffset + at.Target;
            options.SourceOffset = sourceOffset + at.Source;
            if (options.IsCopy)
                device.Run(new Copy { Source = source.SubView(options.SourceOffset), Target = target.SubView(options.TargetOffset) }, options.Kept.Count0);
            else
                device.RunItems(options, options.Kept.Total, 2 * options.Copies);
        }
    }

    private static List<StrideAxis> BroadcastAxes(ReadOnlySpan<long> shape, ReadOnlySpan<long> from)
    {
        long[] target = StrideAxis.RowMajor(shape);
        long[] source = StrideAxis.RowMajor(from);
        List<StrideAxis> axes = [];
        for (int k = 0; k < shape.Length; k++)
        {
            int j = k - (shape.Length - from.Length);
            axes.Add(new StrideAxis(shape[k], target[k], j < 0 || from[j] == 1 ? 0 : source[j]));
        }

        return axes;
    }

    private static long Count(List<StrideAxis> axes)
    {
        long count = 1;
        foreach (StrideAxis axis in axes)
            count *= axis.Count;
        return count;
    }

    private void Sort(StrideAxis axis)
    {
        // Walk backwards where the target would: writes then go upwards.
        if (axis.Target < 0 || (axis.Target == 0 && axis.Source < 0))
        {
            targetOffset += (axis.Count - 1) * axis.Target;
            sourceOffset += (axis.Count - 1) * axis.Source;
            axis = new StrideAxis(axis.Count, -axis.Target, -axis.Source);
        }

        (axis.Target == 0 ? loops : kept).Add(axis);
    }

    // Axes, longest first, stay in the kernel while no two indices share a target; what remains is run serially.
    private void Separate()
    {
        List<StrideAxis> nested = [];
        foreach (StrideAxis axis in kept.OrderByDescending(a => a.Count).ToArray())
        {
            List<StrideAxis> trial = [.. nested, axis];
            trial.Sort((a, b) => a.Target.CompareTo(b.Target));
            long reach = 0;
            bool overlaps = false;
            foreach (StrideAxis a in trial)
            {
                overlaps |= a.Target <= reach;
                reach += (a.Count - 1) * a.Target;
            }

            (overlaps ? serial : nested).Add(axis);
        }

        kept.Clear();
        kept.AddRange(nested.OrderByDescending(a => a.Target));
        loops.Sort((a, b) => Math.Abs(b.Source).CompareTo(Math.Abs(a.Source)));
    }

    private static void Merge(List<StrideAxis> axes)
    {
        for (int k = axes.Count - 2; k >= 0; k--)
        {
            if (!axes[k].Continues(axes[k + 1]))
                continue;
            axes[k] = new StrideAxis(axes[k].Count * axes[k + 1].Count, axes[k + 1].Target, axes[k + 1].Source);
            axes.RemoveAt(k + 1);
        }
    }
}
