using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>target = a part of the source's entries as bf16 numbers, two in the place of a float, rounded to nearest and even.</summary>
internal unsafe struct BFloat16Pairs : IKernel
{
    public ArrayView<float> Source;
    public ArrayView<float> Target;

    /// <summary>The part, as <see cref="TiledLayout"/> writes it.</summary>
    public int Mask;

    /// <summary>1 if the source holds bf16 numbers too.</summary>
    public int IsBFloat16;

    public readonly void Run(Share share)
    {
        float* source = Source.Pointer();
        float* target = Target.Pointer();
        long last = Source.Length - 1;
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            float low, high;
            if (IsBFloat16 != 0)
            {
                uint pair = Interop.FloatAsInt(source[i]);
                low = Interop.IntAsFloat(pair << 16);
                high = Interop.IntAsFloat(pair & 0xffff0000u);
            }
            else
            {
                // Nobody reads what stands beside the last of an odd number of entries.
                low = source[2 * i];
                high = source[IntrinsicMath.Min(2 * i + 1, last)];
            }

            target[i] = Interop.IntAsFloat((Round(TiledLayout.Of(low, Mask)) >> 16) | (Round(TiledLayout.Of(high, Mask)) & 0xffff0000u));
        }
    }

    // The number is in the upper half. Rounding would carry the last of the NaNs over into a zero.
    private static uint Round(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        uint rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
        return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : rounded;
    }
}
