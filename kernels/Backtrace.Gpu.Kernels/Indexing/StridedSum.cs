using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Indexing;

/// <summary>
/// The kernel of <see cref="StridedMap"/>: each item sums the source entries that belong to one target entry and stores
/// factor · |weight| · sum there, or factor · weight · sum. On the CPU neighbouring items are handled as one run along the innermost axis.
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

    /// <summary>1: multiply by |weight|. 2: by the weight.</summary>
    public int Weighted;

    /// <summary>1: add to the target.</summary>
    public int Accumulate;

    /// <summary>Plain sums.</summary>
    public static StridedSum Plain => new() { Factor = 1 };

    /// <summary>Sums of absolute values, times a factor.</summary>
    public static StridedSum OfAbsolute(float factor = 1) => new() { Factor = factor, Absolute = 1 };

    /// <summary>Sums, times the absolute value of what lies at the target's position in <paramref name="weight"/>.</summary>
    public static StridedSum TimesAbsolute(ArrayView<float> weight, float factor = 1) => new() { Factor = factor, Weight = weight, Weighted = 1 };

    /// <summary>Sums, times what lies at the target's position in <paramref name="weight"/>.</summary>
    public static StridedSum Times(ArrayView<float> weight, float factor = 1) => new() { Factor = factor, Weight = weight, Weighted = 2 };

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
        float* target = Target.Pointer();
        float* source = Source.Pointer();
        float* weight = Weight.Pointer();
        float factor = Factor;
        long targetStep = Kept.Target0, sourceStep = Kept.Source0;
        bool isSingle = Copies == 1, isWeighted = Weighted != 0, isAdded = Accumulate != 0;
        bool isPlain = isSingle && !isWeighted && !isAdded && Absolute == 0;
        for (long i = share.Begin; i < share.End;)
        {
            Place at = Kept.Locate(i);
            long run = share.Step == 1 ? IntrinsicMath.Min(Kept.Count0 - at.Inner, share.End - i) : 1;
            long t = TargetOffset + at.Target;
            long s = SourceOffset + at.Source;
            for (long k = 0; isPlain && k < run; k++)
            {
                target[t] = factor * source[s];
                t += targetStep;
                s += sourceStep;
            }

            for (long k = 0; !isPlain && k < run; k++)
            {
                float value = factor * (isSingle ? Read(source, s) : Sum(source, s));
                if (isWeighted)
                    value *= Weighted == 2 ? weight[t] : IntrinsicMath.Abs(weight[t]);
                if (isAdded)
                    value += target[t];
                target[t] = value;
                t += targetStep;
                s += sourceStep;
            }

            i += share.Step == 1 ? run : share.Step;
        }
    }

    private readonly float Sum(float* source, long first)
    {
        float total = 0;
        for (long o = 0; o < OuterCount; o++)
        {
            long i = first + Outer.Locate(o).Source;
            float a = 0, b = 0, c = 0, d = 0;
            long k = 0;
            for (; k + 3 < InnerCount; k += 4)
            {
                a += Read(source, i);
                b += Read(source, i + InnerStride);
                c += Read(source, i + 2 * InnerStride);
                d += Read(source, i + 3 * InnerStride);
                i += 4 * InnerStride;
            }

            for (; k < InnerCount; k++)
            {
                a += Read(source, i);
                i += InnerStride;
            }

            total += (a + b) + (c + d);
        }

        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly float Read(float* source, long i) => Absolute != 0 ? IntrinsicMath.Abs(source[i]) : source[i];
}
