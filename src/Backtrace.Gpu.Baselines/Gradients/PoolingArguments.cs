using Backtrace.Gpu.Interop;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>Arguments of a max pooling.</summary>
/// <param name="Axes">Number of pooled axes, the last ones.</param>
/// <param name="Window">Kernel, stride, padding and dilation; null where the operator itself says what it chose.</param>
/// <param name="Ceiling">Whether windows may reach over the end.</param>
internal sealed record PoolingArguments(int Axes, long[][]? Window, bool Ceiling)
{
    /// <summary>Reads an operator's arguments; null if it is no max pooling.</summary>
    public static PoolingArguments? Of(string name, nint arguments) => name switch
    {
        "max_pool1d" => Windows(1, arguments),
        "max_pool2d" => Windows(2, arguments),
        "max_pool3d" => Windows(3, arguments),
        "max_pool1d_with_indices" or "adaptive_max_pool1d" => new PoolingArguments(1, null, false),
        "max_pool2d_with_indices" or "adaptive_max_pool2d" => new PoolingArguments(2, null, false),
        "max_pool3d_with_indices" or "adaptive_max_pool3d" => new PoolingArguments(3, null, false),
        _ => null,
    };

    /// <summary>Which entry each window took, counted over the pooled axes; shaped like the result. The caller's.</summary>
    public Tensor Places(Tensor input, Tensor? said)
    {
        if (Window is not [var kernel, var stride, var padding, var dilation])
            return said!.alias();
        (Tensor values, Tensor places) = Axes switch
        {
            1 => nn.functional.max_pool1d_with_indices(input, kernel[0], stride[0], padding[0], dilation[0], Ceiling),
            2 => nn.functional.max_pool2d_with_indices(input, kernel, stride, padding, dilation, Ceiling),
            _ => nn.functional.max_pool3d_with_indices(input, kernel, stride, padding, dilation, Ceiling),
        };
        values.Dispose();
        return places;
    }

    private static PoolingArguments Windows(int axes, nint arguments)
    {
        long[] kernel = Numbers(arguments, 1, axes, []), stride = Numbers(arguments, 2, axes, kernel);
        return new(axes, [kernel, stride, Numbers(arguments, 3, axes, []), Numbers(arguments, 4, axes, [])], new IValue(arguments + 5 * IValue.Size).Bool);
    }

    // A list of one number stands for all axes, an empty one for what else is given.
    private static long[] Numbers(nint arguments, int index, int axes, long[] otherwise)
    {
        IValue list = new(arguments + index * IValue.Size);
        long[] numbers = [.. Enumerable.Range(0, list.ListCount).Select(k => new IValue(list.ListStart + k * IValue.Size).Int)];
        return numbers.Length switch
        {
            0 => otherwise,
            1 => [.. Enumerable.Repeat(numbers[0], axes)],
            _ => numbers,
        };
    }
}
