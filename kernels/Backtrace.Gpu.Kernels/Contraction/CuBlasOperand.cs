using Backtrace.Gpu.Kernels.Execution;
using ILGPU;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>An operand as a library reads it: where it lies, or the part of it that is meant in borrowed memory, which goes back when disposed.</summary>
internal readonly struct CuBlasOperand(ArrayView<float> view, Block? borrowed) : IDisposable
{
    /// <summary>fp32 or, two in the place of a float, bf16 numbers.</summary>
    public ArrayView<float> View => view;

    /// <summary>The first <paramref name="length"/> entries of an operand in a precision.</summary>
    public static CuBlasOperand Of(Device device, Arena arena, Operand operand, long length, ContractionPrecision precision)
    {
        if (operand.Part == Part.Signed && operand.IsBFloat16 == (precision == ContractionPrecision.BFloat16))
            return new CuBlasOperand(operand.Values, null);
        return precision == ContractionPrecision.BFloat16 ? Pairs(device, arena, operand, length) : Floats(device, arena, operand, length);
    }

    // What was launched before reads the memory before what is launched after can write it.
    public void Dispose() => borrowed?.Release();

    private static CuBlasOperand Floats(Device device, Arena arena, Operand operand, long length)
    {
        Block block = arena.Rent(length);
        ArrayView<float> source = operand.Values.SubView(0, length), target = block.View.SubView(0, length);
        if (operand.Part == Part.Absolute)
            device.Run(new CopyAbsolute { Source = source, Target = target }, length);
        else
            device.Run(new CopySide { Source = source, Target = target, Sign = operand.Part == Part.Positive ? 1 : -1 }, length);
        return new CuBlasOperand(target, block);
    }

    private static CuBlasOperand Pairs(Device device, Arena arena, Operand operand, long length)
    {
        long words = (length + 1) / 2;
        Block block = arena.Rent(words);
        BFloat16Pairs kernel = new()
        {
            Source = operand.Values.SubView(0, operand.IsBFloat16 ? words : length),
            Target = block.View.SubView(0, words),
            Mask = TiledLayout.Mask(operand),
            IsBFloat16 = operand.IsBFloat16 ? 1 : 0,
        };
        device.RunItems(kernel, words, 3);
        return new CuBlasOperand(kernel.Target, block);
    }
}
