using Backtrace.Gpu.Kernels.Execution;
using ILGPU;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// Multiplies whole numbers, whose sums are known, by every call that is made of cuBLAS, so that a library that is not understood, or that rounds where it
/// should not, is never used.
/// </summary>
internal static unsafe class CuBlasCheck
{
    // Such as tensor cores like, and such as they do not.
    private static readonly (int Rows, int Columns, int Depth)[] Sizes = [(24, 16, 40), (5, 7, 9)];

    private static readonly int[] Batches = [1, 3];

    /// <summary>What is wrong, or null.</summary>
    /// <exception cref="DeviceException">The library does not work with this device.</exception>
    public static string? Fault(Device device, Arena arena, CuBlasHandle handle, ContractionPrecision operands)
    {
        foreach (ProductShape shape in Shapes())
        {
            if (!IsRight(device, arena, handle, shape, operands))
                return $"its products of {(operands == ContractionPrecision.BFloat16 ? "bf16" : "fp32")} operands are not right";
        }

        return null;
    }

    // Single products, and batches with gaps.
    private static IEnumerable<ProductShape> Shapes() =>
        from size in Sizes
        from batch in Batches
        from transposed in Enumerable.Range(0, 4)
        let gap = batch == 1 ? 0 : 3
        select new ProductShape(batch, size.Rows, size.Columns, size.Depth)
        {
            TransposedA = (transposed & 1) != 0,
            TransposedB = (transposed & 2) != 0,
            Accumulates = batch > 1,
            StrideA = (size.Rows * size.Depth) + gap,
            StrideB = (size.Depth * size.Columns) + gap,
            StrideC = (size.Rows * size.Columns) + gap,
        };

    private static bool IsRight(Device device, Arena arena, CuBlasHandle handle, in ProductShape shape, ContractionPrecision operands)
    {
        // 13 bits where TF32 has 11, and 8 where bf16 has as many; sums of up to 20 bits are exact in fp32 and in nothing less.
        bool isRounded = operands == ContractionPrecision.BFloat16;
        int[] a = Numbers(shape.Batch * shape.StrideA, isRounded ? 129 : 4097, isRounded ? 126 : 2001), b = Numbers(shape.Batch * shape.StrideB, 1, 3);
        float[] c = [.. Numbers(shape.Batch * shape.StrideC, 1, 7)];
        using CuBlasOperand left = Upload(device, arena, a, isRounded), right = Upload(device, arena, b, isRounded), target = Upload(device, arena, c);
        handle.Multiply(shape, left.View, right.View, target.View, operands);
        float[] results = new float[c.Length];
        fixed (float* memory = results)
            device.Download(target.View, memory, results.Length);
        Expect(shape, a, b, c);
        return results.AsSpan().SequenceEqual(c);
    }

    private static int[] Numbers(long length, int least, int range)
    {
        int[] numbers = new int[length];
        for (int k = 0; k < length; k++)
            numbers[k] = (least + (k * 37 % range)) * (k % 3 == 0 ? -1 : 1);
        return numbers;
    }

    private static void Expect(in ProductShape s, int[] a, int[] b, float[] c)
    {
        for (int n = 0; n < s.Batch; n++)
        {
            for (int row = 0; row < s.Rows; row++)
            {
                for (int column = 0; column < s.Columns; column++)
                {
                    int sum = 0;
                    for (int k = 0; k < s.Depth; k++)
                    {
                        sum += a[(n * s.StrideA) + (s.TransposedA ? (k * s.Rows) + row : (row * s.Depth) + k)]
                            * b[(n * s.StrideB) + (s.TransposedB ? (column * s.Depth) + k : (k * s.Columns) + column)];
                    }

                    ref float entry = ref c[(n * s.StrideC) + (row * s.Columns) + column];
                    entry = sum + (s.Accumulates ? entry : 0);
                }
            }
        }
    }

    private static CuBlasOperand Upload(Device device, Arena arena, int[] numbers, bool isRounded)
    {
        if (!isRounded)
            return Upload(device, arena, [.. numbers]);
        float[] pairs = new float[(numbers.Length + 1) / 2];
        fixed (float* memory = pairs)
        {
            for (int k = 0; k < numbers.Length; k++)
                ((ushort*)memory)[k] = CpuBFloat16.Round(numbers[k]);
        }

        return Upload(device, arena, pairs);
    }

    private static CuBlasOperand Upload(Device device, Arena arena, float[] values)
    {
        Block block = arena.Rent(values.Length);
        fixed (float* memory = values)
            device.Upload(memory, block.View, values.Length);
        return new CuBlasOperand(block.View.SubView(0, values.Length), block);
    }
}
