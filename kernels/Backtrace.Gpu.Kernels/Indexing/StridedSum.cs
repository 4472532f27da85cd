using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Indexing;

/// <summary>
/// The kernel of <see cref="StridedMap"/>: each item sums the source entries that belong to one target entry and stores
/// factor · |weight| · sum there. On the CPU neighbouring items are handled as one run along the innermost axis.
/// </summary>
internal unsafe struct StridedSum : IKernel
{
    public ArrayView<float> Target;
    public ArrayView<float> Source;

    /// <summary>Read at the target's position if <see cref="Weighted"/>.</summary>
    public ArrayView<float> Weight;
    public AxisNest Kept;
    public AxisNest Outer;
    public long OuterCount;
    public long InnerCount;
    public long InnerStride;
    public long TargetOffset;
    public long SourceOffset;
    public float Factor;

    /// <summary>1: sum absolute values.</summary>
    public int Absolute;

    /// <summary>1: multiply by |weight|.</summary>
    public int Weighted;

    /// <summary>1: add to the target.</summary>
    public int Accumulate;

    /// <summary>Plain sums.</summary>
    public static StridedSum Plain => new() { Factor = 1 };

    /// <summary>Sums of absolute values, times a factor.</summary>
    public static StridedSum OfAbsolute(float factor = 1) => new() { Factor = factor, Absolute = 1 };

    /// <summary>Sums, times the absolute value of what lies at the target's position in <paramref name="weight"/>.</summary>
    public static StridedSum TimesAbsolute(ArrayView<float> weight, float factor = 1) => new() { Factor = factor, Weight = weight, Weighted = 1 };

    /// <summary>Number of source entries per target entry.</summary>
    public readonly long Copies => OuterCount * InnerCount;

    /// <summary>True if one contiguous range is copied.</summary>
    public readonly bool IsCopy =>
        Kept.Rank == 1 && Kept.Target0 == 1 && Kept.Source0 == 1 && Copies == 1 && Factor == 1 && (Absolute | Weighted | Accumulate) == 0;

    public void SetLoops(IReadOnlyList<StrideAxis> loops)
    {
        bool any = loops.Count > 0;
        Outer = AxisNest.Of(any ? [.. loops.SkipLast(1)] : []);
        OuterCount = Outer.Total;
        InnerCount = any ? loops[^1].Count : 1;
        InnerStride = any ? loops[^1].Source : 0;
    }

    public readonly void Run(Share share)
    {
        float* target = Target.Pointer() + TargetOffset;
        float* source = Source.Pointer() + SourceOffset;
        float* weight = Weight.Pointer() + TargetOffset;
        for (long i = share.Begin; i < share.End;)
        {
            Place at = Kept.Locate(i);
            long run = share.Step == 1 ? IntrinsicMath.Min(Kept.Count0 - at.Inner, share.End - i) : 1;
            float* t = target + at.Target;
            float* s = source + at.Source;
            float* w = weight + at.Target;
            for (long k = 0; k < run; k++)
            {
                float value = Factor * Sum(s + k * Kept.Source0);
                if (Weighted != 0)
                    value *= IntrinsicMath.Abs(w[k * Kept.Target0]);
                if (Accumulate != 0)
                    value += t[k * Kept.Target0];
                t[k * Kept.Target0] = value;
            }

            i += share.Step == 1 ? run : share.Step;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly float Sum(float* source) => OuterCount * InnerCount == 1 ? Read(source) : LongSum(source);

    private readonly float LongSum(float* source)
    {
        float total = 0;
        for (long o = 0; o < OuterCount; o++)
        {
            float* p = source + Outer.Locate(o).Source;
            float a = 0, b = 0, c = 0, d = 0;
            long k = 0;
            for (; k + 3 < InnerCount; k += 4)
            {
                a += Read(p);
                b += Read(p + InnerStride);
                c += Read(p + 2 * InnerStride);
                d += Read(p + 3 * InnerStride);
                p += 4 * InnerStride;
            }

            for (; k < InnerCount; k++)
            {
                a += Read(p);
                p += InnerStride;
            }

            total += (a + b) + (c + d);
        }

        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly float Read(float* p) => Absolute != 0 ? IntrinsicMath.Abs(*p) : *p;
}
