using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Contiguous fp32 values on a device with a row-major shape. A borrowed view: it owns nothing.</summary>
/// <param name="Values">The values; exactly as many as the shape says.</param>
/// <param name="Shape">Sizes, the first axis is the batch unless an operation says otherwise.</param>
public readonly record struct DeviceTensor(ArrayView<float> Values, long[] Shape)
{
    /// <summary>Number of values.</summary>
    public long Length => Values.Length;

    /// <summary>Number of axes.</summary>
    public int Rank => Shape.Length;

    /// <summary>Product of the sizes.</summary>
    public static long Count(ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (long size in shape)
            count = checked(count * size);
        return count;
    }
}
