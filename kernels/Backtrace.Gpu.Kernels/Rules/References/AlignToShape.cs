using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>
/// Fills an array of up to five axes from one of other sizes, axis by axis: a multiple of the size repeats each entry, any other larger size repeats the
/// whole, a smaller one cuts off.
/// </summary>
internal unsafe struct AlignToShape : IKernel
{
    public ArrayView<float> Source;
    public ArrayView<float> Target;
    public long Target1;
    public long Target2;
    public long Target3;
    public long Target4;
    public long Source1;
    public long Source2;
    public long Source3;
    public long Source4;
    public long Target0;
    public long Source0;

    public readonly void Run(Share share)
    {
        float* source = Source.Pointer();
        float* target = Target.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            long rest = i / Target4;
            long place4 = Place(i - rest * Target4, Target4, Source4);
            long rest3 = rest / Target3;
            long place3 = Place(rest - rest3 * Target3, Target3, Source3);
            long rest2 = rest3 / Target2;
            long place2 = Place(rest3 - rest2 * Target2, Target2, Source2);
            long rest1 = rest2 / Target1;
            long place1 = Place(rest2 - rest1 * Target1, Target1, Source1);
            long place0 = Place(rest1, Target0, Source0);
            target[i] = source[(((place0 * Source1 + place1) * Source2 + place2) * Source3 + place3) * Source4 + place4];
        }
    }

    /// <summary>The kernel for two shapes of the same number of axes.</summary>
    public static AlignToShape Of(ArrayView<float> source, long[] from, ArrayView<float> target, long[] to)
    {
        long[] s = [.. Enumerable.Repeat(1L, 5 - from.Length), .. from], t = [.. Enumerable.Repeat(1L, 5 - to.Length), .. to];
        return new AlignToShape
        {
            Source = source,
            Target = target,
            Target0 = t[0],
            Target1 = t[1],
            Target2 = t[2],
            Target3 = t[3],
            Target4 = t[4],
            Source0 = s[0],
            Source1 = s[1],
            Source2 = s[2],
            Source3 = s[3],
            Source4 = s[4],
        };
    }

    private static long Place(long index, long size, long from)
    {
        // ILGPU computes both results and then selects: neither may divide by zero.
        long times = size / from;
        return times * from == size ? index / IntrinsicMath.Max(times, 1L) : index % from;
    }
}
